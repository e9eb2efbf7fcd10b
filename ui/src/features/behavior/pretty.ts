/** A schema's JSON as a person reads it: a line for each signal and each trait. What is no JSON stays as it is. */
export function pretty(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return text;
  const members = Object.entries(value).toSorted(([a], [b]) => place(a) - place(b));
  const lines = members.map(([name, member]: [string, unknown]) => {
    const body = Array.isArray(member)
      ? `[\n${member.map((one) => `    ${JSON.stringify(one)}`).join(',\n')}\n  ]`
      : JSON.stringify(member);
    return `  ${JSON.stringify(name)}: ${body}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

const ORDER = ['schema', 'name', 'version', 'title', 'signals', 'dimensions'];

function place(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
}

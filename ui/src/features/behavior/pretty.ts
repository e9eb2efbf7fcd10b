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
      ? `[\n${member.map((one) => `    ${line(one)}`).join(',\n')}\n  ]`
      : JSON.stringify(member);
    return `  ${JSON.stringify(name)}: ${body}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

const ORDER = [
  'schema',
  'name',
  'version',
  'kind',
  'from',
  'measure',
  'direction',
  'half_life_days',
];
const LAST = ['reliability', 'range', 'title', 'weights', 'signals', 'dimensions'];

/** Its name first, its title last. */
function line(value: unknown): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return JSON.stringify(value);
  }
  const members = Object.entries(value).toSorted(([a], [b]) => place(a) - place(b));
  const texts = members.map(
    ([name, member]: [string, unknown]) => `${JSON.stringify(name)}: ${JSON.stringify(member)}`,
  );
  return `{ ${texts.join(', ')} }`;
}

function place(name: string): number {
  const all = [...ORDER, ...LAST];
  const at = all.indexOf(name);
  return at < 0 ? all.length : at;
}

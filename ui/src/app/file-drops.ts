interface Handlers {
  /** So many files hover, or none any more (`null`). Browsers name them only once dropped. */
  onHover: (count: number | null) => void;
  onDrop: (files: File[]) => void;
}

/** Follows files dragged over a browser window. The desktop shell does this itself. */
export function fileDrops({ onHover, onDrop }: Handlers): () => void {
  // Each element on the way fires its own enter and leave; only the outermost counts.
  let depth = 0;
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;

  const enter = (event: DragEvent) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth += 1;
    const items = [...(event.dataTransfer?.items ?? [])];
    if (depth === 1) onHover(items.filter((item) => item.kind === 'file').length);
  };
  const over = (event: DragEvent) => {
    if (holdsFiles(event)) event.preventDefault();
  };
  const leave = (event: DragEvent) => {
    if (!holdsFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) onHover(null);
  };
  const drop = (event: DragEvent) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    onHover(null);
    onDrop([...(event.dataTransfer?.files ?? [])]);
  };

  const stop = new AbortController();
  const options = { signal: stop.signal };
  window.addEventListener('dragenter', enter, options);
  window.addEventListener('dragover', over, options);
  window.addEventListener('dragleave', leave, options);
  window.addEventListener('drop', drop, options);
  return () => stop.abort();
}

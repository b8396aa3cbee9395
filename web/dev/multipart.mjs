// multipart/form-data that is in memory as a whole.

export function parse_multipart(body, content_type) {
  const boundary = /boundary="?([^";]+)"?/.exec(content_type ?? '')?.[1];
  if (!boundary) return [];
  const line = Buffer.from(`--${boundary}`);
  const fields = [];
  for (let at = body.indexOf(line); at >= 0; ) {
    const next = body.indexOf(line, at + line.length);
    if (next < 0) break;
    const part = body.subarray(at + line.length + 2, next - 2);
    const end = part.indexOf('\r\n\r\n');
    const head = part.subarray(0, end).toString();
    fields.push({
      name: /\bname="([^"]*)"/.exec(head)?.[1],
      filename: /filename="([^"]*)"/.exec(head)?.[1],
      type: /content-type:\s*(\S+)/i.exec(head)?.[1] ?? 'application/octet-stream',
      data: part.subarray(end + 4),
    });
    at = next;
  }
  return fields;
}

/** Splits a request line as a client sent it: `GET /x HTTP/1.1`, HTTP/0.9's `GET /x`, or a broken one with blanks in the URI. */
export function splitRequestLine(line: string): { method: string; uri: string; protocol: string } {
  const first = line.indexOf(' ')
  if (first < 0) return { method: line, uri: '', protocol: '' }
  const method = line.slice(0, first)
  const last = line.lastIndexOf(' ')
  const end = line.slice(last + 1)
  if (last > first && (end === '' || /^HTTP\/[\d.]{1,8}$/.test(end))) return { method, uri: line.slice(first + 1, last), protocol: end }
  return { method, uri: line.slice(first + 1), protocol: '' }
}

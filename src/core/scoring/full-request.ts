import { type Named, withoutCollection } from './inquiry.ts'

/** Reads libmodsecurity's FULL_REQUEST (3.0.9): lines `Name: value`, two more line ends, the body as it came. A request line before them is passed over.
 *  Cut off within the headers, it has no body. */
export function readFullRequest(text: string): { headers: Named[]; body: string | undefined } {
  const headers: Named[] = []
  let at = 0
  while (at < text.length) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 ? text.length : newline
    const line = text.slice(at, text[end - 1] === '\r' && end > at ? end - 1 : end)
    at = end + 1
    if (line === '') break
    const name = withoutCollection(line)
    const split = name.indexOf(':')
    // A name with a space in it is a request line.
    if (split > 0 && !/\s/.test(name.slice(0, split))) {
      headers.push([name.slice(0, split), name.slice(split + 1).trimStart()])
    }
  }
  // Two line ends follow the last header's own.
  if (text[at] === '\n') at++
  return { headers, body: at < text.length ? text.slice(at) : undefined }
}

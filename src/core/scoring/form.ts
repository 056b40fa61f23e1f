import type { Result } from '../types.ts'
import { encodeArguments, type Inquiry, type Named } from './inquiry.ts'

const START = /^method=([A-Za-z0-9_-]{1,32})&path=/
const END = /&hour=\d{1,2}&day=\d{1,2}$/

/** Reads the message of the original plugin: `method=..&path=..&args={..}&files={..}&sizes={..}&hour=NN&day=NN`, which is neither percent-encoded nor
 *  escaped. Where what a client sent could be taken for the frame (a second `&args={`, NUL, braces that do not close), the whole text is the
 *  address, and `oddFraming` says so: nothing can be hidden between two readings. Which site it is about it does not say: `site` does, if not empty. */
export function parseForm(body: string, site = ''): Result<Inquiry> {
  const start = START.exec(body)
  const end = END.exec(body.slice(-20))
  if (start === null || end === null) return { ok: false, problem: 'is no message of the plugin' }
  const method = start[1]!
  const text = body.slice(start[0].length, body.length - end[0].length)
  if (!text.includes('&args={') || !text.includes('&files={') || !text.includes('&sizes={')) {
    return { ok: false, problem: 'lacks path, args, files or sizes' }
  }
  const parts = splitParts(text)
  const content = parts === undefined ? { uri: text, body: undefined, oddFraming: true } : placed(method, parts)
  const request = { method, ...content, headers: [], protocol: 'HTTP/1.1', knownHeaders: 'none', ...(site === '' ? {} : { site }) } as const
  return { ok: true, value: { request, ip: undefined, crsScore: undefined } }
}

type Parts = { path: string; args: Named[]; files: Named[] }

function splitParts(text: string): Parts | undefined {
  if (text.includes('\0')) return undefined
  const [args, files, sizes] = ['&args={', '&files={', '&sizes={'].map(mark => onlyIndex(text, mark))
  if (args === undefined || files === undefined || sizes === undefined || args > files || files > sizes) return undefined
  const argList = readPairs(text.slice(args + 6, files), 'ARGS:')
  const fileList = readPairs(text.slice(files + 7, sizes), 'FILES:')
  const sizeList = readPairs(text.slice(sizes + 7), 'FILES_SIZES:')
  return argList && fileList && sizeList ? { path: text.slice(0, args), args: argList, files: fileList } : undefined
}

function onlyIndex(text: string, mark: string): number | undefined {
  const at = text.indexOf(mark)
  return at < 0 || text.includes(mark, at + 1) ? undefined : at
}

// The client writes `"COLLECTION:name":"value"` with commas between; a quote in a value becomes $#$, in a name it stays.
function readPairs(text: string, collection: string): Named[] | undefined {
  if (text === '{}') return []
  if (!text.startsWith('{"') || !text.endsWith('"}')) return undefined
  const pairs: Named[] = []
  for (const piece of text.slice(2, -2).split('","')) {
    const colon = piece.indexOf('":"')
    if (!piece.startsWith(collection) || colon < 0) return undefined
    const value = piece.slice(colon + 3)
    if (value.includes('"')) return undefined
    pairs.push([piece.slice(collection.length, colon), value.replaceAll('$#$', '"')])
  }
  return pairs
}

// The message does not say which arguments stood in the address: they are put where the method has them.
function placed(method: string, { path, args, files }: Parts): { uri: string; body: string | undefined } {
  const text = encodeArguments([...args, ...files])
  if (text === '') return { uri: path, body: undefined }
  return method === 'GET' || method === 'HEAD' ? { uri: `${path}?${text}`, body: undefined } : { uri: path, body: text }
}

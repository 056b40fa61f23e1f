import type { HttpRequest } from '../../types.ts'
import { readLeaves, type TakeLeaf } from './json-leaves.ts'
import { readXmlLeaves } from './xml-leaves.ts'

/** A named value as the client sent it. `isForm`: a + in it means a blank. */
export type Argument = { name: string; value: string; isForm: boolean }

/** Beyond this many arguments the rest is read as one value: nothing goes unseen, and the time stays in bounds. */
const MOST = 4096
const REST = '#rest'
const BODY = '#body'
const BINARY = '#bin'
const FILE = '#file'

const FORM_NAME = /^[A-Za-z0-9_.\-[\]%+~$]{1,80}=/
const BINARY_TYPE = /^(?:(?:image|video|audio|font)\/|application\/(?:octet-stream|zip|pdf|x-protobuf|grpc|wasm|x-gzip))/
/** A document in UTF-16 begins with a byte order mark, or its first sign has a NUL beside it. */
const UTF16 = /^(?:\xff\xfe|\xfe\xff|<\0|\0<)/
const XML_START = /^(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[ \t\r\n]*</
const BOUNDARY = /boundary="?([^";]+)/i
const PART_NAME = /(?:^|[^a-z])name=(?:"([^"]*)"|([^"\s;]+))/i
const FILE_NAME = /filename=(?:"([^"]*)"|([^"\s;]+))/i
/** So much of a body tells whether it is binary. */
const LOOK = 2048

/** Gives the last Content-Type of a request, one of binary data only where no other is: servers differ in which they heed. Empty when there is none. */
export function contentType(request: HttpRequest): string {
  let type = ''
  for (const [name, value] of request.headers) {
    if (name.length !== 12 || name.toLowerCase() !== 'content-type') continue
    if (type === '' || !BINARY_TYPE.test(value.toLowerCase())) type = value
  }
  return type
}

/** Gives the arguments of the query and of the body (form, multipart, JSON; else the body as one value) in their order; the first `inQuery` are the query's. */
export function argumentsOf(request: HttpRequest): { list: Argument[]; inQuery: number } {
  const question = request.uri.indexOf('?')
  const found: Argument[] = []
  if (question >= 0) readPairs(request.uri.slice(question + 1), found)
  const inQuery = found.length
  if (request.body) readBody(request.body, contentType(request), found)
  return { list: found, inQuery }
}

function readBody(body: string, exactType: string, found: Argument[]): void {
  const type = exactType.toLowerCase()
  const add = (name: string, value: string) => addBounded(found, { name, value, isForm: false })
  const first = /[^ \t\n\r\f\v]/.exec(body)?.[0]
  const looksLikeJson = first === '{' || first === '['
  const document = type.includes('xml') ? xmlText(body) : undefined
  if (document !== undefined) {
    if (!readTree(document, readXmlLeaves, found)) add(...asText(document))
  } else if (BINARY_TYPE.test(type)) {
    // Many applications read JSON whatever the client calls it.
    if (!looksLikeJson || !readTree(body, readLeaves, found)) add(BINARY, '')
  } else if (type.includes('multipart/form-data') && body.includes('name=')) readParts(body, exactType, found)
  else if (type.includes('json') || looksLikeJson) {
    if (!readTree(body, readLeaves, found)) add(...asText(body))
  } else if ((type.includes('urlencoded') || FORM_NAME.test(body)) && body.includes('=')) readPairs(body, found)
  else add(...asText(body))
}

/** Gives what could be an XML document, from its first sign on, in UTF-16 too: text that looks binary is not looked at, but an application reads it. */
function xmlText(body: string): string | undefined {
  const text = UTF16.test(body) ? body.replaceAll('\0', '') : body
  const start = XML_START.exec(text)?.[0].length
  return start === undefined ? undefined : text.slice(start - 1)
}

/** Adds the leaves of a JSON or XML text; false, and nothing added, where it is none. */
function readTree(text: string, read: (text: string, take: TakeLeaf, most: number) => boolean, found: Argument[]): boolean {
  const before = found.length
  const rest = found[MOST]?.value
  if (read(text, (name, value) => addBounded(found, { name, value, isForm: false }), MOST)) return true
  found.length = before
  if (rest !== undefined) found[MOST]!.value = rest
  return false
}

/** A body without arguments. Forms are read whatever is in them: some control characters in front would hide the rest. */
function asText(body: string): readonly [name: string, value: string] {
  return isBinary(body) ? [BINARY, ''] : [BODY, body]
}

function readPairs(text: string, found: Argument[]): void {
  let start = 0
  while (start <= text.length) {
    if (found.length >= MOST) {
      addBounded(found, { name: REST, value: text.slice(start), isForm: true })
      return
    }
    const next = text.indexOf('&', start)
    const end = next < 0 ? text.length : next
    if (end > start) {
      const equals = text.indexOf('=', start)
      const middle = equals < 0 || equals > end ? end : equals
      found.push({ name: text.slice(start, middle), value: text.slice(middle + 1, end), isForm: true })
    }
    start = end + 1
  }
}

function readParts(body: string, type: string, found: Argument[]): void {
  const named = BOUNDARY.exec(type)?.[1]
  const delimiter = named === undefined ? (body.split('\n', 1)[0] ?? '').trim() : `--${named}`
  if (delimiter === '') {
    addBounded(found, { name: BODY, value: body, isForm: false })
    return
  }
  let start = body.indexOf(delimiter)
  addUnnamed(start < 0 ? body : body.slice(0, start), found)
  while (start >= 0) {
    const from = start + delimiter.length
    start = body.indexOf(delimiter, from)
    readPart(body.slice(from, start < 0 ? body.length : start), found)
  }
}

function readPart(part: string, found: Argument[]): void {
  const text = part.includes('\r\n') ? part.replaceAll('\r\n', '\n') : part
  const gap = text.indexOf('\n\n')
  const head = gap < 0 ? text : text.slice(0, gap)
  const name = nameIn(head, PART_NAME)
  if (name === undefined) {
    addUnnamed(part, found)
    return
  }
  let end = text.length
  while (end > 0 && text[end - 1] === '\n') end--
  const value = gap < 0 ? '' : text.slice(gap + 2, end)
  const file = nameIn(head, FILE_NAME)
  addBounded(found, { name, value: file !== undefined && isBinary(value) ? '' : value, isForm: false })
  if (file) addBounded(found, { name: FILE, value: file, isForm: false })
}

/** Servers do not agree on what a part is: what is none here is read as text, but for the frame of the body. */
function addUnnamed(text: string, found: Argument[]): void {
  if (!/[^\s-]/.test(text)) return
  const [name, value] = asText(text)
  addBounded(found, { name, value, isForm: false })
}

function nameIn(head: string, pattern: RegExp): string | undefined {
  const match = pattern.exec(head)
  return match?.[1] ?? match?.[2]
}

/** Adds an argument; beyond the limit its text goes to the last one. */
function addBounded(found: Argument[], argument: Argument): void {
  if (found.length < MOST) found.push(argument)
  else if (found.length === MOST) found.push({ ...argument, name: REST, value: `${argument.name} ${argument.value}` })
  else found[MOST]!.value += `\n${argument.name} ${argument.value}`
}

/** Says whether a body is no text: more than 2 % of its first characters are control characters or no UTF-8. */
function isBinary(body: string): boolean {
  let strange = 0
  let characters = 0
  for (let at = 0; at < body.length && characters < LOOK; characters++) {
    const code = body.charCodeAt(at)
    const length = sequenceLength(body, at)
    if (length === 0 || (code < 32 && code !== 9 && code !== 10 && code !== 13) || code === 127) strange++
    else if (length === 3 && code === 0xef && body.startsWith('\xef\xbf\xbd', at)) strange++
    at += Math.max(1, length)
  }
  return strange > 0.02 * characters + 2
}

/** Gives how many bytes the UTF-8 sequence at a place has; 0 when there is none. */
function sequenceLength(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code < 0x80) return 1
  const length = code >= 0xc2 && code < 0xe0 ? 2 : code >= 0xe0 && code < 0xf0 ? 3 : code >= 0xf0 && code < 0xf5 ? 4 : 0
  for (let next = 1; next < length; next++) if ((text.charCodeAt(at + next) & 0xc0) !== 0x80) return 0
  return length
}

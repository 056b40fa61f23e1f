import type { HttpRequest } from '../../types.ts'
import { argumentsOf, contentType } from './arguments.ts'
import { boundRequest, withoutMiddle } from './bounds.ts'
import { asciiLower, decode } from './decode.ts'

/** The groups of fields: path, argument values, argument names, cookie values, header values. */
export const GROUPS = ['p', 'a', 'n', 'c', 'h'] as const
export const [PATH, ARGUMENT, NAME, COOKIE, HEADER] = [0, 1, 2, 3, 4] as const
export type Group = 0 | 1 | 2 | 3 | 4

/** A piece of a request, decoded; `key` is the argument's, cookie's or header's name, lower case, digits as 0. One character a byte. */
export type Field = { group: Group; key: string; value: string }

/** A request taken apart: its path, arguments (from `bodyFrom` on those of the body), headers. `template` is its path with numbers and random parts blotted
 *  out, `headerNames` its header names in order of the alphabet;
 *  `hasBody` is unknown when a body was announced that the log does not hold; `leftOut`: bytes that were too many to look at. */
export type Fields = {
  fields: Field[]
  /** What stands in cookies without a name, in lines: to the definition of the features it is the name of an empty one. */
  namelessCookies: string
  bodyFrom: number
  host: string
  template: string
  headerNames: string
  methodAndType: string
  headers: NonNullable<HttpRequest['knownHeaders']>
  hasBody: boolean | 'unknown'
  leftOut: number
  oddFraming: boolean
}

/** They say nothing of their own, or change with every request. */
const NO_FIELDS = new Set(['host', 'cookie', 'content-length', 'connection'])
const MOST_COOKIES = 1000
const MOST_KEY = 64
const keyBytes = Buffer.allocUnsafeSlow(MOST_KEY)
const PLAIN_KEY = /^[^A-Z0-9\x80-\xff]{0,64}$/
const RANDOM_PART = /^(?=.*[0-9])[0-9a-zA-Z_\-=.,~%]{16,}$/s
const LONGEST_PART = 40
const MOST_PARTS = 12
const LONGEST_HOST = 255
/** More than this of one request, decoded, is not looked at: it would take longer than an answer may. */
const MOST_BYTES = 2 ** 18

/** Takes a request apart. */
export function fieldsOf(whole: HttpRequest): Fields {
  const { request, leftOut } = boundRequest(whole)
  const { uri, headers, body } = request
  const question = uri.indexOf('?')
  const path = decode(question < 0 ? uri : uri.slice(0, question), false)
  const fields: Field[] = [{ group: PATH, key: '', value: path }]
  const { list, inQuery } = argumentsOf(request)
  for (const { name, value, isForm } of list) {
    const decoded = decode(name, isForm)
    fields.push({ group: NAME, key: '', value: decoded }, { group: ARGUMENT, key: keyOf(decoded), value: decode(value, isForm) })
  }
  const names = new Set<string>()
  const nameless: string[] = []
  let [host, announced] = ['', false]
  for (const [name, value] of headers) {
    const key = asciiLower(name)
    names.add(key)
    if (key === 'cookie') addCookies(value, fields, nameless)
    else if (key === 'host') host = value
    else if (key === 'content-length') announced = /[1-9]/.test(value)
    else if (!NO_FIELDS.has(key)) fields.push({ group: HEADER, key, value: decode(value, false) })
  }
  return {
    fields,
    namelessCookies: nameless.join('\n'),
    // Each argument is two fields, its name and its value.
    bodyFrom: 1 + 2 * inQuery,
    host: hostOf(request.site ?? host),
    template: templateOf(path),
    headerNames: [...names].sort().join(),
    methodAndType: `${request.method} ${contentType(request).toLowerCase().split(';', 1)[0]!.trim()}`,
    headers: request.knownHeaders ?? 'all',
    hasBody: body ? true : announced ? 'unknown' : false,
    leftOut: leftOut + bound(fields),
    oddFraming: request.oddFraming === true,
  }
}

/** Blots out what differs between requests for the same thing: numbers, random and long parts; at most twelve parts. */
export function templateOf(path: string): string {
  return asciiLower(path)
    .split('/', MOST_PARTS)
    .map(part => (part.length > LONGEST_PART || RANDOM_PART.test(part) ? '*' : part.replace(/[0-9]+/g, '0')))
    .join('/')
}

/** Gives the host under which a request is compared: lower case, without a port, which a client could choose so as to be unknown. */
export function hostOf(header: string): string {
  return asciiLower(header.trim())
    .slice(0, LONGEST_HOST)
    .replace(/\.?(?::\d{0,5})?$/, '')
}

/** Cuts what is too much to look at off the longest values, from their middle; gives how many bytes that were. */
function bound(fields: Field[]): number {
  const total = fields.reduce((sum, field) => sum + field.value.length, 0)
  if (total <= MOST_BYTES) return 0
  // The most that every field may keep so that all together stay below the limit: only the longest are cut.
  const kept = (most: number) => fields.reduce((sum, field) => sum + Math.min(field.value.length, most), 0)
  let [most, tooMuch] = [0, MOST_BYTES + 1]
  while (tooMuch - most > 1) {
    const middle = (most + tooMuch) >> 1
    if (kept(middle) <= MOST_BYTES) most = middle
    else tooMuch = middle
  }
  let leftOut = 0
  for (const field of fields) {
    if (field.value.length <= most) continue
    leftOut += field.value.length - most
    field.value = withoutMiddle(field.value, most)
  }
  return leftOut
}

/** Gives the name under which values are compared: lower case, numbers as 0, at most 64 characters. */
function keyOf(name: string): string {
  if (PLAIN_KEY.test(name)) return name
  let size = 0
  let isInNumber = false
  for (let at = 0; at < name.length && size < MOST_KEY; at++) {
    const code = name.charCodeAt(at)
    const isDigit = code >= 48 && code <= 57
    if (!isDigit) keyBytes[size++] = code >= 65 && code <= 90 ? code + 32 : code
    else if (!isInNumber) keyBytes[size++] = 48
    isInNumber = isDigit
  }
  return keyBytes.toString('latin1', 0, size)
}

function addCookies(header: string, fields: Field[], nameless: string[]): void {
  const cookies = header.split(';', MOST_COOKIES)
  const read = cookies.reduce((sum, cookie) => sum + cookie.length + 1, 0)
  for (const cookie of cookies) {
    const text = cookie.trim()
    const equals = text.indexOf('=')
    const [name, value] = equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
    fields.push({ group: COOKIE, key: keyOf(name), value: decode(value, false) })
    if (equals < 0 && text !== '') nameless.push(decode(text, false))
  }
  if (read < header.length) fields.push({ group: COOKIE, key: '#rest', value: decode(header.slice(read), false) })
}

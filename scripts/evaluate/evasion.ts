// Attacks in an argument that was appended to a real request, hidden in the ways that attackers have. Pure.
import type { HttpRequest } from '../../src/core/types.ts'

/** A request whose payload is the value of its last argument, taken apart; `payload` as the client meant it, one character a byte. */
export type Appended = { request: HttpRequest; before: string; name: string; payload: string }

export type Evasion = { name: string; hide: (attack: Appended) => HttpRequest }

const WORDS = 'the of and to in is that for it was on are as with his they at be this from have or by one had not but what all were'.split(
  ' ',
)
const PAIR = 2000
const NINE_KB = 9000
const ARGUMENTS = ['page', 'sort', 'lang', 'from', 'size', 'view', 'color', 'ref']

/** The ways in which an appended argument is hidden; the first one is none. */
export const EVASIONS: readonly Evasion[] = [
  { name: 'none', hide: attack => withQuery(attack, `${attack.name}=${encode(attack.payload)}`) },
  { name: 'encodings: every byte', hide: attack => withQuery(attack, `${attack.name}=${encodeAll(attack.payload)}`) },
  {
    name: 'encodings: every byte, lower-case hex',
    hide: attack => withQuery(attack, `${attack.name}=${encodeAll(attack.payload).toLowerCase()}`),
  },
  { name: 'encodings: twice', hide: attack => withQuery(attack, `${attack.name}=${encode(encode(attack.payload))}`) },
  { name: 'encodings: three times', hide: attack => withQuery(attack, `${attack.name}=${encode(encode(encode(attack.payload)))}`) },
  { name: '4 kB of text before', hide: attack => withQuery(attack, `${attack.name}=${encode(filler(2 * PAIR) + attack.payload)}`) },
  {
    name: '2 kB of text before and behind',
    hide: attack => withQuery(attack, `${attack.name}=${encode(filler(PAIR) + attack.payload + filler(PAIR))}`),
  },
  { name: '200 arguments before', hide: attack => withQuery(attack, `${args(200)}&${attack.name}=${encode(attack.payload)}`) },
  { name: '200 arguments behind', hide: attack => withQuery(attack, `${attack.name}=${encode(attack.payload)}&${args(200)}`) },
  { name: '600 arguments before', hide: attack => withQuery(attack, `${args(600)}&${attack.name}=${encode(attack.payload)}`) },
  {
    name: 'the middle of 18 kB of text',
    hide: attack => withQuery(attack, `${attack.name}=${encode(filler(NINE_KB) + attack.payload + filler(NINE_KB))}`),
  },
]

/** Takes the last argument of a request apart; undefined where it has none. */
export function appendedOf(request: HttpRequest): Appended | undefined {
  const start = Math.max(request.uri.lastIndexOf('&'), request.uri.indexOf('?'))
  const equals = request.uri.indexOf('=', start)
  if (start < 0 || equals < 0) return undefined
  const { uri } = request
  return { request, before: uri.slice(0, start + 1), name: uri.slice(start + 1, equals), payload: decode(uri.slice(equals + 1)) }
}

function withQuery({ request, before }: Appended, query: string): HttpRequest {
  return { ...request, uri: before + query }
}

function decode(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function encode(text: string): string {
  return text.replace(/[^A-Za-z0-9._~/-]/g, percent)
}

function encodeAll(text: string): string {
  return text.replace(/[\s\S]/g, percent)
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

/** Ordinary English words. */
function filler(length: number): string {
  let text = ''
  for (let at = 0; text.length < length; at = (at * 5 + 7) % 1009) text += `${WORDS[at % WORDS.length]} `
  return text.slice(0, length)
}

/** Ordinary arguments, no name twice. */
function args(count: number): string {
  return Array.from({ length: count }, (_, at) => `${ARGUMENTS[at % ARGUMENTS.length]}${at}=${(at * 7919) % 1000}`).join('&')
}

import { maskHeader, maskPath } from '../masking/request.ts'
import { createListWatch, isSecretName, maskPiece, maskTokensToShape } from '../masking/secrets.ts'
import { shapeOf } from '../masking/shape.ts'
import { printable } from '../printable.ts'
import type { Reason } from '../types.ts'
import { type Detector, type Helper, judgeRow, unsureHelper } from './detector.ts'
import { FEATURES, type Feature, type Measured } from './features.ts'
import { ARGUMENT, COOKIE, type Field, type Fields, HEADER, NAME, PATH } from './fields/fields.ts'
import { findWords, LEXICON } from './fields/lexicon.ts'
import { placeOfSymbol } from './fields/shape.ts'

const MOST_REASONS = 5
/** Points of the score that a reason is worth telling for. */
const LEAST = 0.1
/** Far beyond what any honest model says, in powers of ten. */
const MOST_STRANGE = 1e6
const POINTS = 1.5
/** Characters shown of a surprising value, before and behind the place that surprises. */
const BEFORE = 24
const PIECE = 64
/** So much on either side is masked along with a piece: a token is known by its length, a secret by the name before it. */
const BESIDE = 128

const WORDS: Record<Feature, string> = {
  p_Swc: 'a sequence of signs that paths rarely have',
  p_csc: 'signs that a path here rarely has',
  a_Kwc: 'a sequence of signs that this argument rarely has',
  a_Swc: 'a sequence of signs that arguments rarely have',
  a_K: 'a value unlike the others of this argument',
  a_K1: 'a sign that this argument rarely has at that place',
  a_csc: 'signs that this argument rarely has',
  a_nm: 'an argument that is unknown at this place',
  n_Kwc: 'an unusual name of an argument',
  c_Kwc: 'a sequence of signs that this cookie rarely has',
  h_Kwc: 'a sequence of signs that this header rarely has',
  h_Swc: 'a sequence of signs that headers rarely have',
  h_csc: 'signs that this header rarely has',
  h_set: 'a set of headers that is rare here',
  m_tpl: 'a method or type of body that is rare for this path',
  a_miss: 'arguments are missing that this path always has',
  k_xss: 'words and signs of scripts',
  k_sh: 'words and signs of shell commands',
  k_trav: 'words and signs of paths to other files',
  k_utf: 'bytes that hide characters',
  f_odd: 'text that two readers could take for different requests, or too much of it',
  v_len: 'a value longer than any that was seen here',
  k_sql: 'words and signs of SQL',
  k_inj: 'words and signs of injected code or entities',
  k_sure: 'phrases that are hardly ever anything but an attack',
  c_Swc: 'a sequence of signs that cookies rarely have',
  c_csc: 'signs that this cookie rarely has',
}

/** Says which features a score would be lower without, most telling first: each is set to its usual value in turn. */
export function explainRow(detector: Detector, measured: Measured, fields: Fields): Reason[] {
  const row = Float64Array.from(measured.row)
  const lp = strangeness(detector, row)
  // A voice that is not sure of the whole row is not more so when a part of it becomes usual: half of the time of a reason.
  const unheard = unsureHelper(detector, row)
  return FEATURES.flatMap((feature, index) => {
    const value = row[index]!
    const usual = detector.usual[index]!
    if (value <= usual) return []
    row[index] = usual
    const surprise = POINTS * (lp - strangeness(detector, row, unheard))
    row[index] = value
    return surprise < LEAST ? [] : [{ feature, index, surprise }]
  })
    .sort((a, b) => b.surprise - a.surprise)
    .slice(0, MOST_REASONS)
    .map(({ feature, index, surprise }) => ({
      feature: WORDS[feature],
      ...placeOf(feature, index, measured, fields),
      surprise: Math.round(surprise * 100) / 100,
    }))
}

/** A scale without a slope makes a row endlessly strange, and between two such there is no difference to tell. */
function strangeness(detector: Detector, row: Float64Array, unheard?: Helper): number {
  return Math.min(MOST_STRANGE, judgeRow(detector, row, unheard))
}

function placeOf(
  feature: Feature,
  index: number,
  { field, at }: Measured,
  { fields, namelessCookies, methodAndType, headerNames }: Fields,
): { where: string; value: string } {
  const found = field[index]!
  if (found >= 0) return { where: whereOf(fields[found]!), value: pieceOf(fields, found, placeOfSymbol(fields[found]!.value, at[index]!)) }
  const lexicon = LEXICON.indexOf(feature as (typeof LEXICON)[number])
  if (lexicon >= 0) {
    for (const [position, candidate] of fields.entries()) {
      const start = findWords(lexicon, candidate.value)
      if (start >= 0) return { where: whereOf(candidate), value: pieceOf(fields, position, start) }
    }
    // It may be a session's: only its shape is shown.
    if (findWords(lexicon, namelessCookies) >= 0)
      return { where: 'cookie without a name', value: printable(shapeOf(namelessCookies), PIECE) }
  }
  if (feature === 'm_tpl') return { where: 'request line', value: printable(methodAndType, PIECE) }
  if (feature === 'h_set') return { where: 'headers', value: printable(headerNames, PIECE) }
  return { where: feature === 'a_miss' ? 'arguments' : 'request', value: '' }
}

function whereOf({ group, key }: Field): string {
  const name = printable(maskTokensToShape(key), PIECE)
  if (group === ARGUMENT) return `argument '${name}'`
  if (group === COOKIE) return `cookie '${name}'`
  if (group === HEADER) return `header '${name}'`
  return group === NAME ? 'name of an argument' : 'path'
}

/** Shows a piece of a field's value around a place; of what may be secret only its shape, as of all that is kept of a request. */
function pieceOf(fields: readonly Field[], position: number, place: number): string {
  const { value } = fields[position]!
  const start = Math.max(0, Math.min(place - BEFORE, value.length - PIECE))
  const from = Math.max(0, start - BESIDE)
  const shown = masked(fields, position, value.slice(from, start + PIECE + BESIDE)).slice(start - from, start - from + PIECE)
  return printable(`${start > 0 ? '…' : ''}${shown}${start + PIECE < value.length ? '…' : ''}`, 2 * PIECE)
}

function masked(fields: readonly Field[], position: number, piece: string): string {
  const { group, key } = fields[position]!
  if (group === PATH) return maskPath(piece)
  if (group === HEADER) return maskHeader(key, piece)
  return group === COOKIE ? shapeOf(piece) : maskPiece(piece, isSecretName(key) || isListed(fields, position))
}

/** A secret by the name that the argument before it holds; between the two stands the name of this one. */
function isListed(fields: readonly Field[], position: number): boolean {
  const [before, { group, key, value }] = [fields[position - 2], fields[position]!]
  if (group !== ARGUMENT || before?.group !== ARGUMENT) return false
  const isSecret = createListWatch()
  isSecret(before.key, before.value)
  return isSecret(key, value)
}

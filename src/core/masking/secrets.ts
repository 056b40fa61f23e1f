import { shapeOf } from './shape.ts'

const WORDS =
  'pass(?:wor[dt]|wd|phrase|code|key)?|pwd|passw|secret|token|api[_-]?key|access[_-]?key|auth(?!or)|credential|sess(?:ion|id)|csrf|xsrf|jwt|bearer|' +
  'otp|cvv|cvc|card|iban|ssn|signature|private[_-]?key|security[_-]?code|kennwort|passwort|contrase|senha|wachtwoord|adgangskode|senord|salasana'
/** Names of arguments, headers and cookies whose values are nobody's business. */
const SECRET_NAME = new RegExp(
  `${WORDS}|(?:^|[^a-z])(?:pin|sid|sig|pan|key|pw|sess|tan|nonce|clave|mdp|parola|haslo|heslo|jelszo|sifre)(?:[^a-z]|$)|key$`,
  'i',
)
/** Such a name followed by a value, within another value: JSON in a form, an address in an argument, GraphQL. */
const SECRET_WITHIN = new RegExp(`(?:${WORDS}|key)[\\w.\\-\\[\\]]{0,40}["'\\\\\\s]{0,4}[=:>]`, 'i')
/** A longer value is no name. */
const MOST_NAME = 64
const USER_INFO = /(:\/\/)([^/?#@\s]+)(?=@)/g
/** What a token, key, hash or JSON Web Token can consist of, base64 and percent-encoding included. */
const RUN = /[A-Za-z0-9_\-.~%+/=\\]{20,}/g
// Escapes come first, so that no number begins within one.
const NUMBER = /%u[0-9a-f]{4}|%[0-9a-f]{2}|\\u[0-9a-f]{4}|\d(?:(?:[ \-+.]|%20)?\d){12,}/gi

/** Says whether the value that stands under this name is a secret (`user[password]`, `X-Api-Key`, `access%5Ftoken`). */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(decodeTwice(name))
}

/** Finds the secrets in lists of names and values (`[{"name":"password","value":"…"}]`, as scripts send forms): a value behind the name of a secret.
 *  The function that it gives is told each key with its value, in their order, and says whether this value is one. */
export function createListWatch(): (key: string, value: string) => boolean {
  let isNext = false
  return (rawKey, value) => {
    const key = decodeTwice(rawKey)
    const isSecret = isNext && /(?:^|[^a-z])val(?:ue)?[^a-z]*$/i.test(key)
    isNext = !isSecret && /(?:^|[^a-z])(?:name|key|field|k|id)[^a-z]*$/i.test(key) && value.length <= MOST_NAME && isSecretName(value)
    return isSecret
  }
}

/** Reduces a value to its shape as far as it is a secret: all of it under a secret name or when it names secrets itself (JSON, an address with arguments),
 *  else the parts that look like tokens, card numbers or a user with password. */
export function maskValue(value: string, isSecret: boolean): string {
  return isSecret || SECRET_WITHIN.test(decodeTwice(value)) ? shapeOf(value) : maskTokensToShape(value)
}

/** Like maskValue, for a piece that people read: of a text that names a secret itself only what stands behind the name goes. */
export function maskPiece(piece: string, isSecret: boolean): string {
  const named = isSecret ? null : SECRET_WITHIN.exec(piece)
  if (named === null) return maskValue(piece, isSecret)
  const end = named.index + named[0].length
  return maskTokensToShape(piece.slice(0, end)) + shapeOf(piece.slice(end))
}

/** Reduces to their shape the parts of a text that look like secrets by themselves. */
export function maskTokensToShape(text: string): string {
  return text
    .replace(USER_INFO, (_, slashes: string, user: string) => slashes + shapeOf(user))
    .replace(RUN, run => (looksRandom(run) ? shapeOf(run) : run))
    .replace(NUMBER, number => (number.length > 6 && looksLikeCard(number) ? shapeOf(number) : number))
}

// Only the kinds of characters decide, never which letter or digit: so the shape of a text is judged as the text was.
function looksRandom(run: string): boolean {
  let odd = 0
  let all = 0
  for (const piece of run.replace(/%[0-9a-f]{2}/gi, '-').split(/[^A-Za-z0-9]+/)) {
    all += piece.length
    if (isWord(piece)) continue
    if (piece.length >= 16) return true
    odd += piece.length
  }
  return odd >= 8 && odd * 3 > all
}

/** A natural word, a camelCase name, a short number, a word with a short number behind it. */
function isWord(piece: string): boolean {
  const letters = /^[A-Za-z]*/.exec(piece)![0]
  const digits = piece.length - letters.length
  if (digits > 0 && !/^\d+$/.test(piece.slice(letters.length))) return false
  if (digits > (letters === '' ? 12 : 4)) return false
  const humps = 1 + (letters.match(/[a-z][A-Z]|[A-Z]{2}[a-z]/g)?.length ?? 0)
  return letters.length <= 20 * humps && (humps === 1 || letters.length >= 3 * humps) && letters.length <= 40
}

function looksLikeCard(number: string): boolean {
  const digits = number.replace(/%20|\D/g, '')
  if (digits.length > 19) return true
  // A card number may have a year or a code right beside it.
  for (let from = 0; from + 13 <= digits.length; from++) {
    if (!/^(?:[3-6]|2[2-7])/.test(digits.slice(from, from + 2))) continue
    for (let to = from + 13; to <= digits.length; to++) if (passesLuhn(digits.slice(from, to))) return true
  }
  return false
}

/** Luhn's check sum (ISO/IEC 7812-1). */
function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 48
    sum += at % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9
  }
  return sum % 10 === 0
}

function decodeTwice(text: string): string {
  return text.includes('%') ? decode(decode(text)) : text
}

function decode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

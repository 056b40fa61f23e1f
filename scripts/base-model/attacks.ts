import type { HttpRequest } from '../../src/core/types.ts'

/** The text of an attack (one character a byte), and its kind. */
export type Attack = { text: string; kind: string }

/** How often each kind is drawn, whatever its number in the data: scanners repeat themselves. */
const WEIGHTS: Record<string, number> = { sqli: 5, xss: 4, shell: 4, traversal: 4 }
const LONGEST = 4000
const HIDDEN = 0.25
const MOST_FILLER = 10_000
const FILLERS = [
  'the quick brown fox jumps over the lazy dog and runs into the old wood ',
  'Lorem ipsum dolor sit amet, consetetur sadipscing elitr. ',
  'a',
  'A1b2C3d4',
  '0123456789',
  'word ',
  'name-of-a-thing_',
]
/** What only its framing or its method makes an attack has no text to take out. */
const NO_TEXT = /911|913|920|921|922/
const KINDS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  ['sqli', /sql|942/],
  ['xss', /xss|941/],
  ['traversal', /travers|lfi|930/],
  ['log4shell', /log4/],
  ['xxe', /xxe|xml/],
  ['shellshock', /shellshock/],
  ['shell', /cmd|rce|shell|932/],
  ['php', /php|933/],
  ['generic', /ssti|nosql|934/],
  ['java', /java|944/],
]

/** Takes the texts of attacks out of labelled requests: the values of the query or of a form. */
export function attacksOf(request: HttpRequest, label: string): Attack[] {
  if (NO_TEXT.test(label)) return []
  const query = request.uri.split('?')[1] ?? request.body ?? ''
  const kind = KINDS.find(([, pattern]) => pattern.test(label.toLowerCase()))?.[0] ?? 'other'
  return query.split('&').flatMap(pair => {
    const text = withoutPercents(pair.slice(pair.indexOf('=') + 1).replaceAll('+', ' '))
    return text.length < 3 || text.length > LONGEST ? [] : [{ text, kind }]
  })
}

/** Makes a function that draws attacks, kinds by their weights. */
export function drawFrom(attacks: readonly Attack[], random: () => number): () => Attack {
  const byKind = Map.groupBy(attacks, attack => attack.kind)
  const kinds = [...byKind.keys()].flatMap(kind => Array.from({ length: WEIGHTS[kind] ?? 1 }, () => kind))
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  return () => pick(byKind.get(pick(kinds))!)
}

/** Hides one attack in four as attackers do: between ordinary text, up to some thousand characters on either side. */
export function hide(text: string, random: () => number): string {
  if (random() >= HIDDEN) return text
  const filler = () => {
    const length = Math.floor(MOST_FILLER ** random())
    const unit = FILLERS[Math.floor(random() * FILLERS.length)]!
    return random() < 0.3 ? '' : unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
  }
  return filler() + text + filler()
}

function withoutPercents(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
}

import { ARGUMENT, type Field, GROUPS, NAME, PATH } from '../fields/fields.ts'
import { shapeOf } from '../fields/shape.ts'
import { createHash53 } from './hash.ts'
import { presenceBits } from './presence.ts'
import { type Profile, PURPOSE, pairKey } from './profile.ts'
import { type SequenceBits, sequenceBits } from './sequences.ts'

/** Host and path of a request, by id; -1 for unknown. */
export type Place = { host: number; template: number }

/** How strange a field is: its sequence of symbols, which of them occur (`presence`), and how many `symbols` it has; with the ids of its key, -1 for unknown. */
export type FieldBits = SequenceBits & { presence: number; symbols: number; anywhere: number; atHost: number; atTemplate: number }

/** By group and place, key, value. */
type Remembered = Map<number, Map<string, Map<string, FieldBits>>>

/** Longer values are hardly ever sent again as they were. */
const LONGEST = 400
/** Fields of one generation; two are kept, of 3 MB at most each. */
const GENERATION = 4000

/** Makes the functions that measure a field: `of` works it out, `remembered` looks first whether the same was measured lately. Most headers and cookies of a
 *  request were (measured: 95 % of the fields of browsers, which saves 60 % of the time to score a request). */
export function createFieldBits(profile: Profile): Record<'of' | 'remembered', (field: Field, place: Place) => FieldBits> {
  const hash = createHash53(profile.salt)
  let young: Remembered = new Map()
  let old: Remembered = new Map()
  let size = 0

  function of({ group, key, value }: Field, { host, template }: Place): FieldBits {
    const isPlaced = group === ARGUMENT || group === PATH
    const anywhere = profile.names.get(hash(key, PURPOSE.name + group)) ?? -1
    const atHost = anywhere < 0 || host < 0 ? -1 : (profile.namesAtHost.get(pairKey(host, anywhere)) ?? -1)
    const atTemplate = atHost >= 0 && template >= 0 && isPlaced ? (profile.namesAtTemplate.get(pairKey(template, anywhere)) ?? -1) : -1
    const ids = { anywhere, atHost, atTemplate }
    const shape = shapeOf(value)
    // Cookies and headers have no level of their own at a path: the host's counts twice.
    const upper = isPlaced ? { table: profile.atTemplate, id: atTemplate } : { table: profile.atHost, id: atHost }
    const presence = group === NAME ? 0 : presenceBits(profile, group, { ...ids, upper }, shape)
    return { ...sequenceBits(profile, group, ids, shape), presence, symbols: shape.length, ...ids }
  }

  function remembered(field: Field, place: Place): FieldBits {
    const { group, key, value } = field
    if (value.length > LONGEST || key.length > LONGEST) return of(field, place)
    const isPlaced = place.template >= 0 && (group === ARGUMENT || group === PATH)
    const scope = (isPlaced ? place.template * 2 + 1 : (place.host + 1) * 2) * GROUPS.length + group
    let bits = young.get(scope)?.get(key)?.get(value)
    if (bits !== undefined) return bits
    bits = old.get(scope)?.get(key)?.get(value) ?? of(field, place)
    if (size++ >= GENERATION) {
      old = young
      young = new Map()
      size = 0
    }
    const keys = inner(young, scope, () => new Map<string, Map<string, FieldBits>>())
    inner(keys, copyOf(key), () => new Map<string, FieldBits>()).set(copyOf(value), bits)
    return bits
  }

  return { of, remembered }
}

/** Makes a text of its own: a piece of a text keeps the whole text in memory. */
function copyOf(text: string): string {
  const copy = Buffer.from(text, 'latin1').toString('latin1')
  return copy === text ? copy : text
}

function inner<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

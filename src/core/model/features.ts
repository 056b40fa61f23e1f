import { ARGUMENT, COOKIE, type Field, type Fields, GROUPS, HEADER, NAME, PATH } from './fields/fields.ts'
import { countLexicon } from './fields/lexicon.ts'
import { createFieldMeter, type FieldBits } from './profile/field-bits.ts'
import { createHash53 } from './profile/hash.ts'
import type { Place } from './profile/keys.ts'
import { excess } from './profile/longest.ts'
import { type Profile, PURPOSE, pairKey } from './profile/profile.ts'

/** The features in their order. p path, a argument value, n argument name, c cookie, h header, m method, k words and signs of attacks. Swc: worst window of
 *  eight symbols by the group; Kwc: the same by the name; K: mean of a value by its name; K1: worst symbol; csc: which symbols occur; all in bits. v_len: doublings
 *  by which a value is longer than any that was seen. */
export const FEATURES = [
  ...['p_Swc', 'p_csc', 'a_Kwc', 'a_Swc', 'a_K', 'a_K1', 'a_csc', 'a_nm', 'n_Kwc', 'c_Kwc', 'h_Kwc', 'h_Swc', 'h_csc'],
  ...['h_set', 'm_tpl', 'a_miss', 'k_xss', 'k_sh', 'k_trav', 'k_utf', 'f_odd', 'v_len', 'k_sql', 'k_inj', 'k_sure', 'c_Swc', 'c_csc'],
] as const
/** The tails look at the first so many of them, the forest at one more; the rest help only the prior: what many ordinary requests have, makes the others blind. */
export const TAIL_FEATURES = 21
export const FOREST_FEATURES = 22
export type Feature = (typeof FEATURES)[number]

/** A row of features, and for those that come from one field: its index (else -1) and where in it, in symbols of its shape. */
export type Measured = { row: Float64Array; field: Int32Array; at: Int32Array }

export type Measure = (fields: Fields) => Measured

/** How many bits of strangeness an ambiguous framing counts for. */
const ODD_FRAMING = 4
const MEBIBYTE = 2 ** 20
/** Long header values are not searched for words: they are lists of policies and tickets. */
const LONG_HEADER = 400
/** The mean of a shorter value says nothing. */
const SHORT_VALUE = 4
const MOST_REMEMBERED = 200
/** So many kinds of words are of the definition: k_xss to k_utf. */
const OF_DEFINITION = 4

/** The worst of one group: bits, and the field that has them. */
type Worst = { bits: number; field: number; at: number }
type Group5 = { window: Worst; keyWindow: Worst; mean: Worst; single: Worst; presence: Worst; symbols: number; fields: number }

/** Makes the function that measures requests against a profile. */
export function createMeasure(profile: Profile): Measure {
  const hash = createHash53(profile.salt)
  const meter = createFieldMeter(profile)
  // A profile of many sites and no host knows browsers: that a client is another program, or a path takes forms, is nothing strange at a site of which nothing is known.
  const knowsHosts = profile.hosts.size > 0
  const headerKinds = profile.headerSetRequests.reduce((sum, requests) => sum + (requests > 0 ? 1 : 0), 0)

  return request => {
    const host = profile.hosts.get(hash(request.host, PURPOSE.host)) ?? -1
    const template = host < 0 ? -1 : (profile.templates.get(hash(request.template, PURPOSE.template + host)) ?? -1)
    const place = {
      host,
      template,
      hostRequests: host < 0 ? 0 : profile.host.requests[host]!,
      templateRequests: template < 0 ? 0 : profile.templateRequests[template]!,
    }
    // What the host's training never had cannot be strange.
    const isFromAccessLog = place.hostRequests > 0 && profile.host.withHeaders[host] === 0
    const groups = GROUPS.map(emptyGroup)
    const newName = nothing()
    const tooLong = nothing()
    const present = new Set<number>()
    const texts: string[] = []
    // Where there are very many, hardly any was seen before, and remembering them costs more than it saves.
    const isRemembered = request.fields.length <= MOST_REMEMBERED
    request.fields.forEach((field, index) => {
      if (isFromAccessLog && !isInAccessLog(field, index < request.bodyFrom)) return
      const { group, key, value } = field
      const known = meter.lookUp(field, place)
      addField(groups[group]!, index, value, meter.measure(field, known, isRemembered))
      if (group !== NAME) raise(tooLong, excess(value.length, known.key.longest), index, 0)
      if (group === ARGUMENT) {
        present.add(known.key.atTemplate)
        raise(newName, known.key.newName, index, 0)
      }
      if (group !== HEADER || key === 'user-agent' || key === 'referer' || value.length < LONG_HEADER) texts.push(value)
    })
    const missing = request.hasBody === 'unknown' ? 0 : (profile.mandatory.get(template) ?? []).filter(name => !present.has(name)).length
    const words = countWords(texts.join('\n'), request.namelessCookies).map(count => Math.log2(1 + count))
    return collect(groups, { newName, tooLong }, [
      knowsHosts && request.headers === 'all' && !isFromAccessLog ? headerSetBits(request.headerNames, place) : 0,
      knowsHosts ? methodBits(request, place, isFromAccessLog) : 0,
      missing,
      ...words.slice(0, OF_DEFINITION),
      (request.oddFraming ? ODD_FRAMING : 0) + Math.log2(1 + request.leftOut / MEBIBYTE),
      tooLong.bits,
      ...words.slice(OF_DEFINITION),
    ])
  }

  function headerSetBits(names: string, { host }: Place): number {
    if (headerKinds === 0) return 0
    const set = profile.headerSets.get(hash(names, PURPOSE.headerSet)) ?? -1
    const anywhere = ((set < 0 ? 0 : profile.headerSetRequests[set]!) + headerKinds * 1e-3) / (profile.withHeaders + headerKinds)
    const here = set < 0 || host < 0 ? 0 : (profile.headerSetsAtHost.get(pairKey(host, set)) ?? 0)
    return -Math.log2((here + 2 * anywhere) / ((host < 0 ? 0 : profile.host.withHeaders[host]!) + 2))
  }

  function methodBits({ methodAndType, headers, hasBody }: Fields, place: Place, isFromAccessLog: boolean): number {
    // The type of a body stands in the headers.
    if (!isFromAccessLog && headers !== 'all' && hasBody !== false) return 0
    const { host, hostRequests, template, templateRequests } = place
    const name = isFromAccessLog ? methodAndType.replace(/ .*/s, ' ') : methodAndType
    const method = profile.methods.get(hash(name, PURPOSE.method)) ?? -1
    const seen = (map: Map<number, number>, owner: number) => (method < 0 || owner < 0 ? 0 : (map.get(pairKey(owner, method)) ?? 0))
    let chance = ((method < 0 ? 0 : profile.methodRequests[method]!) + 0.01) / (profile.requests + 1)
    chance = (seen(profile.methodsAtHost, host) + chance) / (hostRequests + 1)
    chance = (seen(profile.methodsAtTemplate, template) + chance) / (templateRequests + 1)
    return -Math.log2(chance)
  }
}

/** Counts words and signs; in cookies without a name those only that the definition does not know. */
function countWords(text: string, nameless: string): number[] {
  const words = countLexicon(text)
  return nameless === '' ? words : [...words.slice(0, OF_DEFINITION), ...countLexicon(`${text}\n${nameless}`).slice(OF_DEFINITION)]
}

/** Says whether an access log has what this field is of: the request line, the user agent and the referer. */
function isInAccessLog({ group, key }: Field, isBeforeBody: boolean): boolean {
  if (group === HEADER) return key === 'user-agent' || key === 'referer'
  return group === PATH || (group !== COOKIE && isBeforeBody)
}

/** Puts the features into their order; `others` are those that no single field has. */
function collect(
  groups: readonly Group5[],
  { newName, tooLong }: Record<'newName' | 'tooLong', Worst>,
  others: readonly number[],
): Measured {
  const [path, argument, name, cookie, header] = groups as [Group5, Group5, Group5, Group5, Group5]
  const first = [
    perSymbol(path, path.window),
    perField(path),
    perSymbol(argument, argument.keyWindow),
    perSymbol(argument, argument.window),
    argument.mean,
    argument.single,
    perField(argument),
    newName,
    perSymbol(name, name.keyWindow),
    perSymbol(cookie, cookie.keyWindow),
    perSymbol(header, header.keyWindow),
    perSymbol(header, header.window),
    perField(header),
  ]
  const last = [perSymbol(cookie, cookie.window), perField(cookie)]
  const row = new Float64Array(FEATURES.length)
  const field = new Int32Array(FEATURES.length).fill(-1)
  const at = new Int32Array(FEATURES.length)
  const put = (worst: Worst, index: number) => {
    row[index] = worst.bits
    field[index] = worst.field
    at[index] = worst.at
  }
  first.forEach(put)
  row.set(others, first.length)
  last.forEach((worst, index) => {
    put(worst, first.length + others.length + index)
  })
  put(tooLong, FEATURES.indexOf('v_len'))
  return { row, field, at }
}

/** The worst of many is higher by chance: by the logarithm of how many there are. So padding gains an attacker next to nothing. */
function perSymbol({ symbols }: Group5, worst: Worst): Worst {
  return { ...worst, bits: Math.max(0, worst.bits - Math.log2(1 + symbols)) }
}

function perField({ presence, fields }: Group5): Worst {
  return { ...presence, bits: Math.max(0, presence.bits - Math.log2(1 + fields)) }
}

function addField(sums: Group5, index: number, value: string, { sequence, presence, symbols }: FieldBits): void {
  raise(sums.window, sequence.window, index, sequence.windowAt)
  raise(sums.keyWindow, sequence.keyWindow, index, sequence.keyWindowAt)
  raise(sums.single, sequence.single, index, sequence.singleAt)
  if (value.length >= SHORT_VALUE) raise(sums.mean, sequence.mean, index, sequence.keyWindowAt)
  sums.symbols += symbols + 1
  sums.fields++
  raise(sums.presence, presence, index, sequence.keyWindowAt)
}

function raise(worst: Worst, bits: number, field: number, at: number): void {
  if (bits <= worst.bits) return
  worst.bits = bits
  worst.field = field
  worst.at = at
}

function nothing(): Worst {
  return { bits: 0, field: -1, at: 0 }
}

function emptyGroup(): Group5 {
  return { window: nothing(), keyWindow: nothing(), mean: nothing(), single: nothing(), presence: nothing(), symbols: 0, fields: 0 }
}

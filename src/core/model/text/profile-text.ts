import * as v from 'valibot'
import { GROUPS } from '../fields/fields.ts'
import { SYMBOLS } from '../fields/shape.ts'
import { mandatoryNames } from '../profile/freeze.ts'
import { groupSequences } from '../profile/group-sequences.ts'
import { CONTEXTS, type KeyTable, PAIR, type Profile, type SequenceTable } from '../profile/profile.ts'
import { areBelow, areKeys, areStarts, array, arrayToText, isRising } from './arrays.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const word = v.pipe(count, v.maxValue(2 ** 32 - 1))
const keys = array('f64', found => areKeys(found) && found.length < PAIR)
const numbers = array('u32')
const symbols = array('u8', found => areBelow(found, SYMBOLS))
const Counts = v.strictObject({ keys, counts: numbers })
const lengths = array('u16')
const Keys = v.strictObject({ requests: numbers, longest: lengths, fields: numbers, start: numbers, symbol: symbols, count: numbers })
const Sequences = v.strictObject({
  context_start: numbers,
  context: array('u16', found => areBelow(found, CONTEXTS)),
  next_start: numbers,
  next_symbol: symbols,
  next_count: numbers,
})

/** What a profile looks like in a model's JSON. Maps of hashes are lists of keys in the order of their ids. */
export const ProfileBody = v.strictObject({
  salt: v.tuple([word, word]),
  requests: count,
  with_headers: count,
  hosts: keys,
  templates: keys,
  names: keys,
  names_at_host: keys,
  names_at_template: keys,
  header_sets: keys,
  methods: keys,
  host_requests: numbers,
  host_with_headers: numbers,
  host_longest: lengths,
  template_requests: numbers,
  header_set_requests: numbers,
  method_requests: numbers,
  header_sets_at_host: Counts,
  methods_at_host: Counts,
  methods_at_template: Counts,
  anywhere: Keys,
  at_host: Keys,
  at_template: Keys,
  anywhere_sequences: Sequences,
  at_host_sequences: Sequences,
  group_fields: array('f64', found => found.length === GROUPS.length && areBelow(found, 2 ** 53)),
  group_presence: array('f64', found => found.length === GROUPS.length * SYMBOLS && areBelow(found, 2 ** 53)),
  group_longest: array('u16', found => found.length === GROUPS.length),
  group_keys: array('u32', found => isRising(found) && areBelow(found, GROUPS.length * SYMBOLS ** 4)),
  group_counts: numbers,
})

export function profileToBody(profile: Profile): v.InferInput<typeof ProfileBody> {
  const ids = (map: ReadonlyMap<number, number>) => arrayToText(Float64Array.from(map.keys()))
  const counts = (map: ReadonlyMap<number, number>) => ({ keys: ids(map), counts: arrayToText(Uint32Array.from(map.values())) })
  return {
    salt: [profile.salt[0] >>> 0, profile.salt[1] >>> 0],
    requests: profile.requests,
    with_headers: profile.withHeaders,
    hosts: ids(profile.hosts),
    templates: ids(profile.templates),
    names: ids(profile.names),
    names_at_host: ids(profile.namesAtHost),
    names_at_template: ids(profile.namesAtTemplate),
    header_sets: ids(profile.headerSets),
    methods: ids(profile.methods),
    host_requests: arrayToText(profile.host.requests),
    host_with_headers: arrayToText(profile.host.withHeaders),
    host_longest: arrayToText(profile.host.longest),
    template_requests: arrayToText(profile.templateRequests),
    header_set_requests: arrayToText(profile.headerSetRequests),
    method_requests: arrayToText(profile.methodRequests),
    header_sets_at_host: counts(profile.headerSetsAtHost),
    methods_at_host: counts(profile.methodsAtHost),
    methods_at_template: counts(profile.methodsAtTemplate),
    anywhere: keyTableToBody(profile.anywhere),
    at_host: keyTableToBody(profile.atHost),
    at_template: keyTableToBody(profile.atTemplate),
    anywhere_sequences: sequencesToBody(profile.anywhereSequences),
    at_host_sequences: sequencesToBody(profile.atHostSequences),
    group_fields: arrayToText(profile.groupFields),
    group_presence: arrayToText(profile.groupPresence),
    group_longest: arrayToText(profile.groupLongest),
    group_keys: arrayToText(Uint32Array.from(profile.groupCounts.keys)),
    group_counts: arrayToText(profile.groupCounts.counts),
  }
}

/** Makes a profile of its body; undefined when its tables do not fit together, so that no lookup can ever leave them. */
export function bodyToProfile(body: v.InferOutput<typeof ProfileBody>): Profile | undefined {
  const anywhere = toKeyTable(body.anywhere, body.names.length)
  const atHost = toKeyTable(body.at_host, body.names_at_host.length)
  const atTemplate = toKeyTable(body.at_template, body.names_at_template.length)
  const anywhereSequences = toSequences(body.anywhere_sequences, body.names.length)
  const atHostSequences = toSequences(body.at_host_sequences, body.names_at_host.length)
  const pairsFit = (pairs: Float64Array, owners: number, members: number) =>
    pairs.every(pair => Math.floor(pair / PAIR) < owners && pair % PAIR < members)
  const hosts = body.hosts.length
  const templates = body.templates.length
  if (anywhere === undefined || atHost === undefined || atTemplate === undefined) return undefined
  if (anywhereSequences === undefined || atHostSequences === undefined) return undefined
  if (body.host_requests.length !== hosts || body.host_with_headers.length !== hosts) return undefined
  if (body.host_longest.length !== hosts * GROUPS.length || body.template_requests.length !== templates) return undefined
  if (body.header_set_requests.length !== body.header_sets.length || body.method_requests.length !== body.methods.length) return undefined
  if (!pairsFit(body.names_at_template, templates, body.names.length)) return undefined
  if (body.group_keys.length !== body.group_counts.length || new Set(body.group_keys).size !== body.group_keys.length) return undefined
  const groupCounts = { keys: Float64Array.from(body.group_keys), counts: body.group_counts }
  const namesAtTemplate = toIds(body.names_at_template)
  const headerSetsAtHost = toCounts(body.header_sets_at_host)
  const methodsAtHost = toCounts(body.methods_at_host)
  const methodsAtTemplate = toCounts(body.methods_at_template)
  if (headerSetsAtHost === undefined || methodsAtHost === undefined || methodsAtTemplate === undefined) return undefined
  return {
    salt: body.salt,
    requests: body.requests,
    withHeaders: body.with_headers,
    hosts: toIds(body.hosts),
    templates: toIds(body.templates),
    names: toIds(body.names),
    namesAtHost: toIds(body.names_at_host),
    namesAtTemplate,
    headerSets: toIds(body.header_sets),
    methods: toIds(body.methods),
    host: { requests: body.host_requests, withHeaders: body.host_with_headers, longest: body.host_longest },
    templateRequests: body.template_requests,
    headerSetRequests: body.header_set_requests,
    methodRequests: body.method_requests,
    headerSetsAtHost,
    methodsAtHost,
    methodsAtTemplate,
    mandatory: mandatoryNames(namesAtTemplate, atTemplate.requests, body.template_requests),
    anywhere,
    atHost,
    atTemplate,
    anywhereSequences,
    atHostSequences,
    groupFields: body.group_fields,
    groupPresence: body.group_presence,
    groupLongest: body.group_longest,
    groupCounts,
    groupSequences: groupSequences(groupCounts),
  }
}

function keyTableToBody({ requests, longest, fields, presenceStart, presenceSymbol, presenceCount }: KeyTable): v.InferInput<typeof Keys> {
  return {
    requests: arrayToText(requests),
    longest: arrayToText(longest),
    fields: arrayToText(fields),
    start: arrayToText(presenceStart),
    symbol: arrayToText(presenceSymbol),
    count: arrayToText(presenceCount),
  }
}

function toKeyTable({ requests, longest, fields, start, symbol, count }: v.InferOutput<typeof Keys>, size: number): KeyTable | undefined {
  if (requests.length !== size || longest.length !== size || fields.length !== size || count.length !== symbol.length) return undefined
  if (!areStarts(start, size, symbol.length)) return undefined
  return { requests, longest, fields, presenceStart: start, presenceSymbol: symbol, presenceCount: count }
}

function sequencesToBody({ contextStart, context, nextStart, nextSymbol, nextCount }: SequenceTable): v.InferInput<typeof Sequences> {
  return {
    context_start: arrayToText(contextStart),
    context: arrayToText(context),
    next_start: arrayToText(nextStart),
    next_symbol: arrayToText(nextSymbol),
    next_count: arrayToText(nextCount),
  }
}

function toSequences(body: v.InferOutput<typeof Sequences>, size: number): SequenceTable | undefined {
  const { context, context_start: contextStart, next_start: nextStart, next_symbol: nextSymbol, next_count: nextCount } = body
  if (!areStarts(contextStart, size, context.length) || !areStarts(nextStart, context.length, nextSymbol.length)) return undefined
  if (nextCount.length !== nextSymbol.length) return undefined
  const total = new Uint32Array(context.length)
  for (let place = 0; place < context.length; place++)
    for (let at = nextStart[place]!; at < nextStart[place + 1]!; at++) total[place]! += nextCount[at]!
  return { contextStart, context, nextStart, nextSymbol, nextCount, total }
}

function toIds(list: Float64Array): Map<number, number> {
  const map = new Map<number, number>()
  for (const key of list) map.set(key, map.size)
  return map
}

function toCounts({ keys: list, counts }: v.InferOutput<typeof Counts>): Map<number, number> | undefined {
  if (list.length !== counts.length) return undefined
  const map = new Map<number, number>()
  list.forEach((key, index) => void map.set(key, counts[index]!))
  return map
}

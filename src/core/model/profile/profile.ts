import { SYMBOLS } from '../fields/shape.ts'
import type { Salt } from './hash.ts'

/** What is known of the values under each key of one level (a name anywhere, at a host, at a path). Indexes are key ids; lists of a key k go
 *  from start[k] to start[k + 1]. Presence: in how many of the `fields` a symbol occurs. */
export type KeyTable = {
  /** Requests that had the key, and fields under it. */
  requests: Uint32Array
  fields: Uint32Array
  presenceStart: Uint32Array
  presenceSymbol: Uint8Array
  presenceCount: Uint32Array
  /** The longest value under each key, in steps of longest.ts. */
  longest: Uint16Array
}

/** Which symbol follows which two (b, d as b * 39 + d), by key: for Witten-Bell smoothing. Contexts of a key rise. */
export type SequenceTable = {
  contextStart: Uint32Array
  context: Uint16Array
  nextStart: Uint32Array
  nextSymbol: Uint8Array
  nextCount: Uint32Array
  /** The sum of the counts of each context. */
  total: Uint32Array
}

/** Counts by key, keys rising, no count 0. */
export type Counted = { keys: Float64Array; counts: Uint32Array }

/** The probability of each symbol behind any three, by group: `row[(group * 39^3) + (a * 39 + b) * 39 + d]` is the row of `chance` that holds it. */
export type GroupSequences = { row: Int32Array; chance: Float64Array }

/** Requests and their headers as a host has them. `withHeaders`: requests of which the headers were known. */
export type HostCounts = {
  requests: Uint32Array
  withHeaders: Uint32Array /** By host id * 5 + group, in steps of longest.ts. */
  longest: Uint16Array
}

/** All that is remembered of clean requests: numbers under hashed keys. */
export type Profile = {
  salt: Salt
  requests: number
  withHeaders: number
  /** Hash to id. Pairs are keyed by pairKey(). */
  hosts: Map<number, number>
  templates: Map<number, number>
  names: Map<number, number>
  namesAtHost: Map<number, number>
  namesAtTemplate: Map<number, number>
  host: HostCounts
  templateRequests: Uint32Array
  /** The names that a path's requests always have: ids of namesAtTemplate, by template id. */
  mandatory: ReadonlyMap<number, readonly number[]>
  /** Level 3: a name anywhere; level 2: at its host; level 1: at its path (paths and arguments only). */
  anywhere: KeyTable
  atHost: KeyTable
  atTemplate: KeyTable
  anywhereSequences: SequenceTable
  atHostSequences: SequenceTable
  /** Presence by group: fields, then count of each symbol. */
  groupFields: Float64Array
  groupPresence: Float64Array
  groupLongest: Uint16Array
  /** By ((group * 39 + a) * 39 + b) * 39 + d) * 39 + s; groupSequences follow from them. */
  groupCounts: Counted
  groupSequences: GroupSequences
  /** Sets of header names, and methods with the type of the body: hash to id, count by id, and counts at a host and at a path by pairKey(). */
  headerSets: Map<number, number>
  headerSetRequests: Uint32Array
  headerSetsAtHost: Map<number, number>
  methods: Map<number, number>
  methodRequests: Uint32Array
  methodsAtHost: Map<number, number>
  methodsAtTemplate: Map<number, number>
}

/** The purposes of hashes; a name's is NAME plus its group, a template's TEMPLATE plus its host's id. */
export const PURPOSE = { host: 1, headerSet: 2, method: 3, value: 4, name: 8, template: 16 } as const

export const CONTEXTS = SYMBOLS * SYMBOLS
/** Ids are below this. */
export const PAIR = 2 ** 26

/** Joins two ids (each below PAIR) to one key. */
export function pairKey(first: number, second: number): number {
  return first * PAIR + second
}

/** Finds a context of a key; -1 when nothing was seen behind those two symbols. */
export function findContext(table: SequenceTable, key: number, context: number): number {
  let low = table.contextStart[key]!
  let high = table.contextStart[key + 1]! - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const found = table.context[middle]!
    if (found === context) return middle
    if (found < context) low = middle + 1
    else high = middle - 1
  }
  return -1
}

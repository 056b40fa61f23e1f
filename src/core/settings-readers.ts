import * as v from 'valibot'
import { parseDuration } from './duration.ts'
import { parseNetwork } from './ip.ts'
import type { Millis } from './types.ts'

export type Reader<T> = v.GenericSchema<unknown, T>
/** `isSecret`: its value is never printed, not even a wrong one. */
export type Setting<T> = { key: string; fallback: unknown; help: string; read: Reader<T>; isSecret?: true }

/** Makes a row of the table of settings. */
export function row<T>(key: string, fallback: unknown, help: string, read: Reader<T>): Setting<T> {
  return { key, fallback, help, read }
}

/** Makes a row whose value nobody may read in a message. */
export function secretRow<T>(key: string, fallback: unknown, help: string, read: Reader<T>): Setting<T> {
  return { key, fallback, help, read, isSecret: true }
}

export function text(): Reader<string> {
  return v.pipe(
    v.string('must be a text'),
    v.check(value => !value.includes('\0'), 'must not hold a NUL'),
  )
}

export function path(): Reader<string> {
  return v.pipe(v.string('must be a path'), v.check(isPath, 'must be an absolute path'))
}

export function paths(): Reader<readonly string[]> {
  const list = v.array(v.pipe(v.string('must be a path'), v.check(isPath, 'must be an absolute path')), 'must be a path or a list of paths')
  const single = v.pipe(
    v.string(),
    v.check(isPath, 'must be an absolute path'),
    v.transform(value => [value]),
  )
  const either = v.lazy(value => (typeof value === 'string' ? single : list))
  return v.pipe(
    either,
    v.check(value => value.length > 0, 'must name at least one path'),
    v.check(value => new Set(value).size === value.length, 'must not name a path twice'),
  )
}

export function headerName(): Reader<string> {
  const message = 'must be the name of a header'
  return v.pipe(v.string(message), v.regex(/^[A-Za-z0-9-]{0,64}$/, message))
}

function isPath(value: string): boolean {
  return value.startsWith('/') && !value.includes('\0') && !value.endsWith('/')
}

export function oneOf<const T extends string>(...options: T[]): Reader<T> {
  return v.picklist(options, `must be one of ${options.map(option => `"${option}"`).join(', ')}`)
}

export function listOf<const T extends string>(...options: T[]): Reader<readonly T[]> {
  const message = `must be a list of ${options.map(option => `"${option}"`).join(', ')}`
  return v.array(v.picklist(options, message), message)
}

export function between(low: number, high: number): Reader<number> {
  const message = `must be a number from ${low} to ${high}`
  return v.pipe(v.number(message), v.minValue(low, message), v.maxValue(high, message))
}

export function whole(low: number, high: number): Reader<number> {
  const message = `must be a whole number from ${low} to ${high}`
  return v.pipe(v.number(message), v.integer(message), v.minValue(low, message), v.maxValue(high, message))
}

export function duration(): Reader<Millis> {
  const message = 'must be a duration such as 90s, 10m, 1h, 7d, 2w or -1'
  const read = v.pipe(
    v.union([v.string(), v.literal(-1)], message),
    v.transform(value => parseDuration(String(value))),
  )
  return v.pipe(
    read,
    v.number(message),
    v.check(value => value > 0, 'must be longer than 0s'),
  )
}

export function durationOrAuto(): Reader<Millis | 'auto'> {
  return v.lazy(value => (value === 'auto' ? v.literal('auto') : duration()))
}

export function networks(): Reader<readonly string[]> {
  const network = v.pipe(
    v.string('must be a list of addresses and CIDRs'),
    v.check(value => parseNetwork(value).ok, 'must hold only IP addresses and CIDRs'),
    v.transform(canonical),
  )
  return v.array(network, 'must be a list of addresses and CIDRs')
}

function canonical(value: string): string {
  const parsed = parseNetwork(value)
  return parsed.ok ? parsed.value : value
}

export function chainNames(): Reader<readonly string[]> {
  const name = v.pipe(
    v.string('must be a list of chain names'),
    v.regex(/^[A-Za-z][A-Za-z0-9_-]{0,27}$/, 'must hold names of chains'),
    v.check(value => value !== 'MODWARDEN', 'must not hold our own chain'),
  )
  return v.pipe(v.array(name, 'must be a list of chain names'), v.minLength(1, 'must name at least one chain'))
}

export function domainNames(): Reader<readonly string[]> {
  const name = v.pipe(
    v.string('must be a list of domains'),
    v.transform(value => value.toLowerCase()),
    // A name of one label is a whole top-level domain.
    v.regex(
      /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/,
      'must hold domains such as googlebot.com',
    ),
  )
  return v.pipe(v.array(name, 'must be a list of domains'), v.maxLength(32, 'must not hold more than 32 domains'))
}

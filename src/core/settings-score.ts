import * as v from 'valibot'
import type { Millis } from './types.ts'

/** The table `[score]`: settings of the scoring server. */
export const SCORE_SETTINGS = {
  scoreSocket: {
    key: 'score.socket',
    fallback: '/run/modwarden-score/score.sock',
    help: 'The unix socket that the web server asks.',
    read: absolutePath(),
  },
  scoreListen: {
    key: 'score.listen',
    fallback: '',
    help: 'A loopback address and port to listen on as well, such as "127.0.0.1:5000" (for the original plugin). Any local user may then ask. Empty: none.',
    read: loopback(),
  },
  scoreSite: {
    key: 'score.site',
    fallback: '',
    help: 'The host that the messages of the original plugin are about, such as "www.example.com": they do not name it. Empty: the plugin gets no score (503).',
    read: hostName(),
  },
  scoreGroup: {
    key: 'score.group',
    fallback: 'www-data',
    help: 'The group of the web server: it alone may use the socket.',
    read: groupName(),
  },
  scoreDeadline: {
    key: 'score.deadline',
    fallback: '40ms',
    help: "A request that cannot be answered within this time gets 503, and the WAF decides alone. Keep it below the client's budget of 50 ms.",
    read: millis(1, 10_000),
  },
  scoreMaxConnections: {
    key: 'score.max_connections',
    fallback: 1024,
    help: 'The most connections at a time; for a further one the one that has been idle longest is closed.',
    read: wholeNumber(16, 100_000),
  },
  scoreReservoir: {
    key: 'score.reservoir',
    fallback: 5000,
    help: 'How many requests that neither the rules nor the model objected to are kept, masked, as clean data for `modwarden train` (0: none).',
    read: wholeNumber(0, 100_000),
  },
  scoreStateDir: {
    key: 'score.state_dir',
    fallback: '/var/lib/modwarden-score',
    help: 'Where the scoring server keeps them (clean.jsonl).',
    read: absolutePath(),
  },
} as const

export type Listen = { host: string; port: number } | undefined

function absolutePath(): v.GenericSchema<unknown, string> {
  return v.pipe(
    v.string('must be a path'),
    v.check(value => value.startsWith('/') && !value.includes('\0') && !value.endsWith('/'), 'must be an absolute path'),
  )
}

// Scores are for the web server of this machine: what listens elsewhere would tell strangers what passes.
function loopback(): v.GenericSchema<unknown, Listen> {
  const message = 'must be a loopback address with a port, such as 127.0.0.1:5000 or [::1]:5000'
  return v.pipe(
    v.string(message),
    v.check(value => value === '' || readListen(value) !== undefined, message),
    v.transform(readListen),
  )
}

function readListen(text: string): Listen {
  const match = /^(?:(127(?:\.(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])){3})|\[(::1)\]):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  return match && port >= 1 && port <= 65_535 ? { host: (match[1] ?? match[2])!, port } : undefined
}

function hostName(): v.GenericSchema<unknown, string> {
  const message = 'must be the name of a host, as it stands in the Host header'
  return v.pipe(v.string(message), v.regex(/^[^\s/]{0,253}$/, message))
}

function groupName(): v.GenericSchema<unknown, string> {
  const message = 'must be the name of a group'
  return v.pipe(v.string(message), v.regex(/^[a-z_][a-z0-9_-]{0,31}$|^\d{1,9}$/i, message))
}

function millis(low: number, high: number): v.GenericSchema<unknown, Millis> {
  const message = `must be a time from ${low}ms to ${high}ms`
  return v.pipe(
    v.string(message),
    v.regex(/^\d{1,6}ms$/, message),
    v.transform(value => Number(value.slice(0, -2))),
    v.minValue(low, message),
    v.maxValue(high, message),
  )
}

function wholeNumber(low: number, high: number): v.GenericSchema<unknown, number> {
  const message = `must be a whole number from ${low} to ${high}`
  return v.pipe(v.number(message), v.integer(message), v.minValue(low, message), v.maxValue(high, message))
}

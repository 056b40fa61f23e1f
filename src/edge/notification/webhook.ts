import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { getCACertificates } from 'node:tls'
import { readRetryAfter } from '../../core/notification/due.ts'
import type { Payload } from '../../core/notification/payload.ts'
import type { Millis } from '../../core/types.ts'
import { VERSION } from '../../version.ts'
import type { Channel, Outcome } from './channel.ts'

type Options = {
  url: URL
  header: { name: string; value: string } | undefined
  clock: () => Millis
  /** How long the look-up of the name, the connection and TLS may take together, and how long everything. */
  connectMillis?: Millis
  totalMillis?: Millis
}

/** Makes the channel that posts each notification as JSON. It follows no redirect, reads no answer beyond its status, and says no more of the address than
 *  the host: the rest may be a secret. */
export function createWebhook({ url, header, clock, connectMillis = 5000, totalMillis = 15_000 }: Options): Channel {
  return {
    name: `webhook ${url.host}`,
    send: (payload, signal) => post(url, { payload, header, signal, clock, connectMillis, totalMillis }),
  }
}

type Post = Omit<Required<Options>, 'url'> & { payload: Payload; signal: AbortSignal }

function post(url: URL, { payload, header, signal, clock, connectMillis, totalMillis }: Post): Promise<Outcome> {
  return new Promise(resolve => {
    const body = JSON.stringify(payload)
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
      'User-Agent': `modwarden/${VERSION}`,
      ...(header === undefined ? {} : { [header.name]: header.value }),
    }
    const options = { method: 'POST', headers, agent: false, signal } as const
    const sent = url.protocol === 'https:' ? httpsRequest(url, { ...options, ca: trusted() }) : httpRequest(url, options)
    const end = (outcome: Outcome) => {
      clearTimeout(connecting)
      clearTimeout(whole)
      sent.destroy()
      resolve(outcome)
    }
    const connecting = setTimeout(() => end({ ok: false, problem: `no connection within ${connectMillis / 1000} s` }), connectMillis)
    const whole = setTimeout(() => end({ ok: false, problem: `no answer within ${totalMillis / 1000} s` }), totalMillis)
    sent.on('socket', socket => {
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(connecting))
    })
    sent.on('response', response => end(readAnswer(response, clock())))
    sent.on('error', error => end({ ok: false, problem: describe(error) }))
    sent.end(body)
  })
}

function readAnswer({ statusCode = 0, headers }: IncomingMessage, now: Millis): Outcome {
  if (statusCode >= 200 && statusCode < 300) return { ok: true, detail: `answered ${statusCode}` }
  const isRedirect = statusCode >= 300 && statusCode < 400
  const retryAfter = readRetryAfter(headers['retry-after'], now)
  return {
    ok: false,
    problem: `answered ${statusCode}${isRedirect ? ', a redirect, which is not followed: name the final address' : ''}`,
    ...(retryAfter === undefined ? {} : { retryAfter }),
  }
}

/** Those that came with Node, and those that the machine's administrator trusts. */
let authorities: string[] | undefined
function trusted(): string[] {
  authorities ??= [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
  return authorities
}

/** Says an error by its code; a message could hold what is not for the journal. */
function describe(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code
  const words: Readonly<Record<string, string>> = {
    ENOTFOUND: 'the name of the host is not known',
    EAI_AGAIN: 'the name of the host could not be looked up',
    ECONNREFUSED: 'the connection was refused',
    ECONNRESET: 'the connection was closed without an answer',
    EHOSTUNREACH: 'the host cannot be reached',
    ENETUNREACH: 'the network cannot be reached',
    ETIMEDOUT: 'the connection took too long',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; trust it with update-ca-certificates',
    SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown authority; trust that with update-ca-certificates',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown authority; trust that with update-ca-certificates',
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an unknown authority; trust that with update-ca-certificates',
    CERT_HAS_EXPIRED: 'its certificate has expired',
    ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  }
  return code === undefined ? 'the request failed' : (words[code] ?? `the request failed: ${code}`)
}

import { parseNetwork } from './ip.ts'
import type { Millis, Result } from './types.ts'

export const FEED_FORMATS = ['plain', 'nginx', 'crowdsec', 'fail2ban'] as const
export type FeedFormat = (typeof FEED_FORMATS)[number]

type Standing = { ip: string; reason: string; expires_at: Millis | null }

/** CrowdSec knows no block without an end. */
const TEN_YEARS: Millis = 10 * 365 * 86_400_000
/** fail2ban takes several addresses in one command. */
const ADDRESSES_A_LINE = 100
/** Wider networks are a mistake, or an attack on who imports them: /8 is the most that anybody was given in IPv4, /19 in IPv6. */
const WIDEST = { ipv4: 8, ipv6: 19 }
const MOST_LINE = 1024

/** Writes standing blocks in a format that others import. */
export function feedText(blocks: readonly Standing[], format: FeedFormat, { now, jail }: { now: Millis; jail: string }): string {
  switch (format) {
    case 'plain':
      return blocks.map(({ ip }) => `${ip}\n`).join('')
    case 'nginx':
      return ['geo $modwarden_denied {\n', '    default 0;\n', ...blocks.map(({ ip }) => `    ${ip} 1;\n`), '}\n'].join('')
    case 'crowdsec':
      return `${JSON.stringify(blocks.map(block => crowdsecDecision(block, now)))}\n`
    case 'fail2ban':
      return Array.from({ length: Math.ceil(blocks.length / ADDRESSES_A_LINE) }, (_, line) =>
        blocks.slice(line * ADDRESSES_A_LINE, (line + 1) * ADDRESSES_A_LINE).map(({ ip }) => ip),
      )
        .map(ips => `set ${jail} banip ${ips.join(' ')}\n`)
        .join('')
  }
}

/** Reads a line of a list of addresses and CIDRs: what stands first, up to a blank, comma, semicolon or '#'. Undefined for a line without an address. */
export function readFeedLine(line: string): Result<string> | undefined {
  if (line.length > MOST_LINE) return { ok: false, problem: `is longer than ${MOST_LINE} characters` }
  const text = /^\s*([^\s,;#]*)/.exec(line)![1]!
  if (text === '') return undefined
  const network = parseNetwork(text)
  if (!network.ok) return network
  const [address = '', bits] = network.value.split('/')
  const widest = address.includes(':') ? WIDEST.ipv6 : WIDEST.ipv4
  if (bits !== undefined && Number(bits) < widest)
    return { ok: false, problem: `is too wide for a block: nothing wider than /${widest} is imported, got '${network.value}'` }
  return network
}

function crowdsecDecision({ ip, reason, expires_at }: Standing, now: Millis) {
  const seconds = Math.max(1, Math.ceil(((expires_at ?? now + TEN_YEARS) - now) / 1000))
  return { duration: `${seconds}s`, reason: `modwarden/${reason}`, scope: ip.includes('/') ? 'range' : 'ip', type: 'ban', value: ip }
}

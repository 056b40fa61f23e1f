import type { Directive } from './types.ts'

/** Where a server can be asked: a loopback address, or the one that it listens on. */
export type Listener = { host: string; port: number; isTls: boolean }

/** Reads from a server's directives where it listens, each address both without and with TLS where the directive does not say which. */
export function listeners(directives: readonly Directive[]): Listener[] {
  const found = new Map<string, Listener>()
  for (const { name, args, section } of directives) {
    if (name !== 'listen' || (section !== undefined && section !== 'server')) continue
    const place = readPlace(args[0] ?? '')
    if (place === undefined) continue
    const saysTls = args.includes('ssl') || args.includes('https')
    for (const isTls of saysTls ? [true] : section === 'server' ? [false] : [false, true]) {
      const listener = { ...place, isTls }
      found.set(`${listener.host} ${listener.port} ${isTls}`, listener)
    }
  }
  return [...found.values()].sort(
    (a, b) => Number(a.isTls) - Number(b.isTls) || Number(a.host.includes(':')) - Number(b.host.includes(':')),
  )
}

function readPlace(text: string): { host: string; port: number } | undefined {
  const match = /^(?:(\[[\da-fA-F:.]+\]|[\w.*-]+):)?(\d{1,5})$/.exec(text) ?? /^(\[[\da-fA-F:.]+\]|\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (match === null) return undefined
  const host = (match[1] ?? '*').replace(/^\[|\]$/g, '')
  const port = Number(match[2] ?? 80)
  if (port < 1 || port > 65_535) return undefined
  return { host: host === '*' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port }
}

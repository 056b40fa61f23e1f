import type { Drop, Plan } from './types.ts'

/** ipset counts in 32 bits of milliseconds; what ends later is held without an end of its own. */
const LONGEST = 2_147_483

export type SetFamily = 'inet' | 'inet6'

/** Writes the input of `ipset restore` that fills a new set and puts it in the place of the old one, which is never open in between. */
export function setScript(
  name: string,
  blocks: readonly Drop[],
  { family, most, names }: { family: SetFamily; most: number; names: readonly string[] },
): string {
  const fresh = `${name}.new`
  const create = (set: string) => `create ${set} hash:net family ${family} maxelem ${most} timeout 0`
  return [
    ...(names.includes(fresh) ? [`destroy ${fresh}`] : []),
    ...(names.includes(name) ? [] : [create(name)]),
    create(fresh),
    ...blocks.map(drop => addLine(fresh, drop)),
    `swap ${fresh} ${name}`,
    `destroy ${fresh}`,
    '',
  ].join('\n')
}

/** Writes the input of `ipset -exist restore` that adds, renews and removes single elements. */
export function changeScript(name: string, { block, renew, unblock }: Plan): string {
  return [...unblock.map(ip => `del ${name} ${ip}`), ...[...block, ...renew].map(drop => addLine(name, drop)), ''].join('\n')
}

/** Reads `ipset list NAME` (or its head, with `-t`): whether it is a set as we make it, its number of entries, and its members. */
export function readSet(listing: string): { isOurs: boolean; entries: number; members: string[] } {
  const [head = '', body = ''] = listing.split('\nMembers:\n')
  const members = body.split('\n').flatMap(line => (line === '' ? [] : [line.split(' ', 1)[0]!]))
  const isOurs = /^Type: hash:net$/m.test(head) && /^Header: .*\btimeout 0\b/m.test(head)
  return { isOurs, entries: Number(/^Number of entries: (\d+)/m.exec(head)?.[1] ?? -1), members }
}

function addLine(name: string, { ip, timeout }: Drop): string {
  return `add ${name} ${ip} timeout ${timeout === undefined || timeout > LONGEST ? 0 : timeout}`
}

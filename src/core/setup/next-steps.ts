import type { ServerName } from './types.ts'

/** Says for a person what is in force now, and which commands come next. */
export function nextSteps(server: ServerName, { denies, blocks }: { denies: boolean; blocks: boolean }): string {
  const waf = denies ? 'ModSecurity denies what its rules object to' : 'ModSecurity looks on and denies nothing'
  const daemon = blocks ? 'modwarden blocks the addresses of attackers' : 'modwarden observes and blocks nobody'
  const commands: [string, string][] = blocks
    ? [
        ['modwarden status', 'am I protected?'],
        ['modwarden blocks', 'who is blocked; modwarden explain ADDRESS says why'],
      ]
    : [
        ['modwarden status', 'what it sees'],
        ['modwarden observed', 'after a day: who would have been blocked, and was it right?'],
      ]
  if (!denies || !blocks) commands.push([`modwarden setup ${server} --enforce`, 'then: deny and block'])
  commands.push([`modwarden setup ${server} --undo`, 'take everything back'])
  const width = Math.max(...commands.map(([command]) => command.length))
  return `${waf}; ${daemon}.\n${commands.map(([command, why]) => `  ${command.padEnd(width)}  # ${why}\n`).join('')}`
}

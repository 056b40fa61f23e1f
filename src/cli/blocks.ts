import type { Command } from 'commander'
import type { Millis } from '../core/types.ts'
import type { ShownBlock } from '../edge/store/blocks.ts'
import { type Context, withStore } from './context.ts'
import { iso, printJson, printTable, relative } from './output.ts'

export function registerBlocks(program: Command, context: Context): void {
  program
    .command('blocks')
    .description('the active blocks')
    .option('--all', 'the ended ones too')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', '\nExample:\n  modwarden blocks --all')
    .action((options: { all?: true; json?: true }) => {
      const now = Date.now()
      withStore(context.reader(), store => {
        const blocks = options.all ? store.blocks.history(100_000) : store.blocks.allActive(now)
        if (options.json) printJson(blocks.map(block => blockJson(block, now)))
        else
          printTable(
            ['address', 'reason', 'score', 'threats', 'step', 'blocked', options.all ? 'ended' : 'ends', options.all ? 'by' : ''],
            blocks.map(block => row(block, now)),
            'no address is blocked',
          )
      })
    })
}

/** A block as `--json` shows it. */
export function blockJson(block: ShownBlock, now: Millis) {
  return {
    id: block.id,
    ip: block.ip,
    reason: block.reason,
    score: block.score,
    threat_count: block.threat_count,
    blocked_at: iso(block.blocked_at),
    expires_at: iso(block.expires_at),
    seconds_left:
      block.released_at !== null ? 0 : block.expires_at === null ? null : Math.max(0, Math.round((block.expires_at - now) / 1000)),
    released_at: iso(block.released_at),
    released_by: block.released_by,
    event_id: block.event_id,
    rules: JSON.parse(block.rules) as string[],
    note: block.note,
    step: block.step,
    origin: block.origin,
    corroborated: block.corroborated === 1,
    in_firewall: block.applied === 1,
    proxied: block.enforcement === 'proxied',
    observed: block.enforcement === 'observed',
  }
}

function row(block: ShownBlock, now: Millis): string[] {
  const ends = block.released_at === null ? relative(block.expires_at, now) : relative(block.released_at, now)
  const by = [block.enforcement === 'observed' ? 'only observed: not blocked' : '', block.released_by ?? stateOf(block)].filter(Boolean)
  return [
    block.ip,
    block.origin === '' ? block.reason : `${block.reason} (${block.origin})`,
    block.score.toFixed(1),
    String(block.threat_count),
    String(block.step),
    relative(block.blocked_at, now),
    ends,
    by.join(', '),
  ]
}

function stateOf({ enforcement, applied }: ShownBlock): string {
  if (enforcement === 'observed') return ''
  if (enforcement === 'proxied') return 'proxied: the scoring server refuses it'
  return applied === 1 ? '' : 'not in the firewall'
}

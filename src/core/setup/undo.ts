import { showCommand } from './show.ts'
import { blockOf, withBlock } from './steps.ts'
import type { Command, FileStep, Step } from './types.ts'

/** What is to be done about a file when a step is taken back: write `text` (null: remove the file), nothing since it is as it was before, or leave it,
 *  since somebody edited it. */
export type Restored = { action: 'write'; text: string | null } | { action: 'nothing' } | { action: 'leave' }

/** Decides how a file gets back to what it was before a step, given what it says now (null: it is gone). Of a file of others only our block is touched. */
export function takeBack(step: FileStep, now: string | null): Restored {
  if (now === step.before) return { action: 'nothing' }
  if (now === step.after) return { action: 'write', text: step.before }
  if (!step.block || now === null) return { action: 'leave' }
  const [ours, present, earlier] = [blockOf(step.after ?? ''), blockOf(now), blockOf(step.before ?? '')]
  if (present === earlier) return { action: 'nothing' }
  if (present !== ours) return { action: 'leave' }
  const text = withBlock(now, earlier)
  return { action: 'write', text: text === '' && step.before === null ? null : text }
}

/** Names what must be told once files are back: systemd of its units, modwarden's services of their settings. */
export function afterUndo(entries: readonly Step[]): Command[] {
  const touches = (part: string) => entries.some(entry => entry.kind === 'file' && entry.path.includes(part))
  const units = ['modwarden.service', 'modwarden-score.service']
  return [
    ...(touches('/etc/systemd/') ? [['systemctl', 'daemon-reload'] as const] : []),
    ...(touches('/conf.d/50-setup.toml') || touches('/conf.d/00-first.toml')
      ? units.map(unit => ['systemctl', 'try-restart', unit] as const)
      : []),
  ]
}

/** Writes for a person what an undo will do, the last change first. */
export function showUndo(entries: readonly Step[]): string {
  const lines = entries.toReversed().flatMap(entry => {
    if (entry.kind === 'run') return entry.undo === null ? [] : [`run ${showCommand(entry.undo)}`]
    if (entry.kind === 'folder') return [`remove the folder ${entry.path}, if it is empty`]
    if (entry.kind === 'link') return [`remove the link ${entry.path}`]
    if (entry.kind === 'log') return [`give ${entry.path} back to whom it belonged; remove it, if setup made it and it is empty`]
    return [
      entry.before === null
        ? `remove ${entry.path}`
        : `put ${entry.path} back as it was${entry.block ? ', without the block of setup' : ''}`,
    ]
  })
  return [...new Set(lines)].map(line => ` - ${line}\n`).join('')
}

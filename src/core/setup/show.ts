import { unifiedDiff } from './diff.ts'
import type { Command, SetupPlan, Step } from './types.ts'

/** Writes a plan for a person: what each step does and why, and the difference in each file. */
export function showPlan(plan: SetupPlan, service: string): string {
  const test = `Test the configuration as ${service} does itself; if it fails, all of the above is undone`
  const reload =
    plan.takeOver === 'reload'
      ? `Reload ${service}, if it runs`
      : `Restart ${service}, if it runs: a reload is not enough where ModSecurity is new. Requests that are under way are broken off`
  const items = [...plan.steps.map(showStep), [test], ...plan.starts.map(showStep), [reload]]
  return items
    .map(([first, ...more], index) =>
      [`${String(index + 1).padStart(2)}. ${first}`, ...more.map(line => `    ${line}`.trimEnd()), ''].join('\n'),
    )
    .join('\n')
}

/** Writes the notes of a plan, a paragraph each. */
export function showNotes(notes: readonly string[]): string {
  return notes.map(note => `note: ${note}\n`).join('')
}

function showStep(step: Step): string[] {
  if (step.kind === 'folder') return [step.why, `mkdir ${step.path}`]
  if (step.kind === 'link') return [step.why, `ln -s ${step.target} ${step.path}`]
  if (step.kind === 'log') return [step.why, `systemd-tmpfiles --create ${step.rule}`]
  if (step.kind === 'run') return [step.why, showCommand(step.run)]
  const { path, before, after, shipped } = step
  if (before === null && shipped !== undefined) return [step.why, `${path}: new, ${count(after ?? '')} lines, a copy of ${shipped}`]
  const names = [`--- ${before === null ? '/dev/null' : path}`, `+++ ${after === null ? '/dev/null' : path}`]
  return [step.why, ...names, ...unifiedDiff(before ?? '', after ?? '')]
}

function count(text: string): number {
  return text.replace(/\n$/, '').split('\n').length
}

/** Writes a command as it would be typed. */
export function showCommand(command: Command): string {
  return command.map(word => (/^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}

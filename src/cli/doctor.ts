import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CHECKS } from '../core/doctor/checks.ts'
import { examine } from '../core/doctor/finding.ts'
import { findingsText } from '../core/doctor/findings-text.ts'
import type { Settings } from '../core/settings.ts'
import type { Result } from '../core/types.ts'
import { gatherFacts } from '../edge/doctor/gather.ts'
import { SYSTEM } from '../edge/doctor/places.ts'
import { SettingsError } from '../edge/settings-file.ts'
import type { Context } from './context.ts'
import { printJson } from './output.ts'

/** Adds the command `doctor`: looks at the machine, and says of each check whether all is well, or what to do. */
export function registerDoctor(program: Command, context: Context): void {
  program
    .command('doctor')
    .description(
      'check the machine: service, WAF, logs, rotation, firewall, database, model; each finding with its remedy. Changes nothing',
    )
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      '\nExit status: 0 when nothing is bad (there may be warnings), 1 when something is.\n\nExample:\n  modwarden doctor',
    )
    .action((options: { json?: true }) => examineMachine(context, options))
}

async function examineMachine(context: Context, { json }: { json?: true }): Promise<void> {
  const facts = await gatherFacts({ settings: readSettings(context), config: settingsFile(context), now: Date.now() }, SYSTEM)
  const findings = examine(CHECKS, facts)
  if (json)
    printJson(
      findings.map(({ check, severity, about = null, what, evidence = null, remedy = null }) => ({
        check,
        severity,
        about,
        what,
        evidence,
        remedy,
      })),
    )
  else process.stdout.write(findingsText(findings))
  if (findings.some(({ severity }) => severity === 'bad')) process.exitCode = 1
}

function readSettings(context: Context): Result<Settings> {
  try {
    return { ok: true, value: context.settings() }
  } catch (error) {
    return { ok: false, problem: error instanceof SettingsError ? error.problems.join('; ') : (error as Error).message }
  }
}

function settingsFile(context: Context): string | undefined {
  const named = context.settingsFile()
  return named === undefined ? undefined : resolve(named)
}

import type { DaemonFacts } from '../../core/doctor/facts.ts'
import { loadSettings, SettingsError } from '../settings-file.ts'
import { type DaemonState, isRunning, readStatusFile, statusPath } from '../status-file.ts'

const MOST_PROBLEMS = 10

/** Looks whether the service's user can read the settings (`config`: a file that was named), and what the daemon last said of itself. */
export function lookAtDaemon({ config, database }: { config: string | undefined; database: string | undefined }): DaemonFacts {
  const state = database === undefined ? undefined : readStatusFile(statusPath(database))
  return { settingsProblem: settingsProblem(config), state: summary(state) }
}

function settingsProblem(config: string | undefined): string | undefined {
  try {
    loadSettings(config)
    return undefined
  } catch (error) {
    return error instanceof SettingsError ? error.problems.join('; ') : (error as Error).message
  }
}

function summary(state: DaemonState | null | undefined): DaemonFacts['state'] {
  if (typeof state !== 'object' || state === null) return null
  const logs = Array.isArray(state.logs) ? state.logs : []
  const problems = [
    state.firewall_problem === undefined ? [] : `firewall: ${state.firewall_problem}`,
    state.database_problem === undefined ? [] : `database: ${state.database_problem}`,
    ...logs.map(({ path, problem }) => (problem === undefined ? [] : `log: ${path}: ${problem}`)),
  ].flat()
  return {
    pid: Number(state.pid),
    isRunning: Number.isInteger(state.pid) && state.pid > 0 && isRunning(state),
    updatedAt: Number(state.updated_at),
    startedAt: Number(state.started_at),
    mode: String(state.mode),
    backend: String(state.firewall_backend),
    problems: problems.slice(0, MOST_PROBLEMS),
  }
}

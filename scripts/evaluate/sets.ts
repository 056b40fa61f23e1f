import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** One row of the table: what to train on (nothing: the shipped base model is measured), what to measure on, and what is to be reached. */
export type DataSet = {
  name: string
  train: readonly string[]
  dev: readonly string[]
  goal: { tpr1: number; tpr01: number; auc?: number }
  /** Appended-argument attacks of it are hidden in several ways. */
  isForEvasion: boolean
}

/** Two hosts that serve trackers: their requests are no traffic of a site. */
const TRACKERS = ['www.facebook.com.jsonl.gz', 'www.google.com.jsonl.gz']

/** Gives the data sets that lie in a folder. */
export function dataSets(folder: string): DataSet[] {
  const at = (...parts: string[]) => join(folder, ...parts)
  const hosts = (part: string) => hostFiles(at(part, 'wcph'))
  const sets: DataSet[] = [
    {
      name: 'csic',
      train: [at('train', 'csic.jsonl.gz')],
      dev: [at('dev', 'csic.jsonl.gz')],
      goal: { tpr1: 0.98, tpr01: 0.95 },
      isForEvasion: false,
    },
    { name: '23 hosts', train: hosts('train'), dev: hosts('dev'), goal: { tpr1: 0.96, tpr01: 0.85 }, isForEvasion: true },
    {
      name: 'unseen hosts',
      train: [],
      dev: [at('dev', 'wcpx.jsonl.gz')],
      goal: { tpr1: 0.52, tpr01: 0.18, auc: 0.964 },
      isForEvasion: false,
    },
  ]
  return sets.filter(({ train, dev }) => dev.length > 0 && [...train, ...dev].every(path => existsSync(path)))
}

function hostFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(name => name.endsWith('.jsonl.gz') && !TRACKERS.includes(name))
    .sort()
    .map(name => join(folder, name))
}

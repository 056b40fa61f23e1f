import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** What the server really did in one transaction, as its own error log and the driver of the recording knew it. */
export type Truth = {
  unique_id: string
  logged_ip: string
  logged_port: number
  method: string | null
  uri: string | null
  status: number
  rules: string[]
  anomaly_score: number | null
  ml_score_seen: number | null
  ml_plugin_score: number | null
  blocked: boolean
  category: string
  victim: string | null
  path: string | null
  offset: number
  length: number
  real_boundary_forged?: number
}

const FOLDER = new URL('../../fixtures/corpus/', import.meta.url)

export const SERIAL = [
  'v3-json-serial',
  'v3-json-https',
  'v2-json-serial',
  'v3-native-serial',
  'v2-native-serial',
  'coraza-json-EMULATED',
  'coraza-jsonlegacy-EMULATED',
  'coraza-native-EMULATED',
]
export const WORSTCASE = ['v3-native-serial-WORSTCASE', 'v2-native-serial-WORSTCASE']
export const CONCURRENT = ['v3-json-concurrent', 'v3-native-concurrent', 'v2-json-concurrent', 'v2-native-concurrent']

export function auditLog(name: string): Buffer {
  return gunzipSync(readFileSync(new URL(`${name}/audit.log.gz`, FOLDER)))
}

export function truths(name: string): Truth[] {
  const lines = gunzipSync(readFileSync(new URL(`${name}/truth.jsonl.gz`, FOLDER))).toString()
  return lines
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Truth)
}

/** The files of a concurrent log, path to bytes. */
export function tree(name: string): Map<string, Buffer> {
  const tar = gunzipSync(readFileSync(new URL(`${name}/tree.tar.gz`, FOLDER)))
  const files = new Map<string, Buffer>()
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const path = tar.toString('latin1', at, at + 100).replace(/\0.*$/, '')
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8)
    if (tar.toString('latin1', at + 156, at + 157) === '0') files.set(path, tar.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}

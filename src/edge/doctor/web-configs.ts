import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { readApacheConfig, readEnvvars } from '../../core/doctor/apache-config.ts'
import { readNginxConfig } from '../../core/doctor/nginx-config.ts'
import type { WebConfig } from '../../core/doctor/web-config.ts'
import { readAt } from '../follow/fingerprint.ts'
import type { Places } from './places.ts'
import { createConfigFiles, firstThere, readSmall } from './small-file.ts'

const MOST_LIBRARY = 64 * 2 ** 20

/** Reads what the web servers of this machine are told about ModSecurity. `started` are the files that running ones were started with. */
export function readWebConfigs(places: Places, started: readonly { server: 'apache' | 'nginx'; file: string }[]): WebConfig[] {
  const apache = [...places.apache, ...started.flatMap(({ server, file }) => (server === 'apache' ? [{ file, envvars: '' }] : []))]
  const nginx = [...places.nginx, ...started.flatMap(({ server, file }) => (server === 'nginx' ? [file] : []))]
  const library = firstThere(places.libraries)
  return [
    ...unique(apache.filter(({ file }) => readSmall(file).ok).map(({ file, envvars }) => JSON.stringify([file, envvars])))
      .map(text => JSON.parse(text) as [string, string])
      .map(([file, envvars]) => withJson(readApacheConfig({ file, variables: variablesIn(envvars), files: createConfigFiles() }))),
    ...unique(nginx.filter(file => readSmall(file).ok)).map(file =>
      withJson({ ...readNginxConfig(file, createConfigFiles()), module: library }),
    ),
  ]
}

function variablesIn(envvars: string): Map<string, string> {
  const text = envvars === '' ? undefined : readSmall(envvars)
  return readEnvvars(text?.ok ? text.value : '')
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

/** An engine that can write JSON names the functions of yajl. */
function withJson(config: WebConfig): WebConfig {
  return config.module === undefined ? config : { ...config, hasJson: mentions(config.module, 'yajl') }
}

function mentions(path: string, word: string): boolean | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const file = fstatSync(fd)
    return file.isFile() && file.size <= MOST_LIBRARY ? readAt(fd, 0, file.size).includes(word) : undefined
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

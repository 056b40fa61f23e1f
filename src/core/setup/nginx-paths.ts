import type { Facts } from './types.ts'

/** Gives the path that nginx takes a relative one for: from the folder of nginx.conf. */
export function absolute(path: string): string {
  return path.startsWith('/') ? path : `/etc/nginx/${path}`
}

/** Says whether nginx reads the files of conf.d into its http block. */
export function readsConfD({ directives }: Facts): boolean {
  return directives.some(
    one => one.name === 'include' && one.section === 'http' && absolute(one.args[0] ?? '') === '/etc/nginx/conf.d/*.conf',
  )
}

import { createRun, type Run } from '../run-command.ts'

/** Where the facts about a machine are found. */
export type Places = {
  proc: string
  passwd: string
  groups: string
  apache: readonly { file: string; envvars: string }[]
  nginx: readonly string[]
  /** Where libmodsecurity 3 may lie; patterns. */
  libraries: readonly string[]
  logrotate: string
  /** The folders of programs. */
  programs: readonly string[]
  run: Run
}

/** A program that is only asked something answers within this time (ms). */
const PROGRAM_TIMEOUT = 5000

export const SYSTEM: Places = {
  proc: '/proc',
  passwd: '/etc/passwd',
  groups: '/etc/group',
  apache: [
    { file: '/etc/apache2/apache2.conf', envvars: '/etc/apache2/envvars' },
    { file: '/etc/httpd/conf/httpd.conf', envvars: '/etc/sysconfig/httpd' },
  ],
  nginx: ['/etc/nginx/nginx.conf', '/usr/local/nginx/conf/nginx.conf', '/usr/local/openresty/nginx/conf/nginx.conf'],
  libraries: [
    '/usr/lib/*/libmodsecurity.so.3',
    '/usr/lib64/libmodsecurity.so.3',
    '/usr/local/lib/libmodsecurity.so.3',
    '/usr/local/modsecurity/lib/libmodsecurity.so.3',
  ],
  logrotate: '/etc/logrotate.conf',
  programs: ['/usr/sbin', '/usr/bin', '/sbin', '/bin'],
  run: createRun({ timeout: PROGRAM_TIMEOUT }),
}

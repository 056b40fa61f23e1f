import type { Command, ServerName } from './types.ts'

/** Where a distribution keeps what setup looks at and changes. */
export type Layout = {
  server: ServerName
  family: 'debian' | 'redhat'
  /** The systemd unit. */
  service: string
  errorLog: string
  test: Command
  /** What is added to the server's configuration: the audit log's settings, and the engine's mode. */
  auditFile: string
  engineFile: string
  /** The shipped files that go there and to logrotate. */
  auditShipped: string
  rotationShipped: string
  /** Files that may hold ModSecurity itself; `*` for one folder's name. */
  libraries: readonly string[]
  /** What to install when something is missing. */
  install: string
}

export const AUDIT_LOG = '/var/log/modsecurity/audit.log'
export const AUDIT_FOLDER = '/var/log/modsecurity'
export const TMPFILES = '/etc/tmpfiles.d/modwarden-setup.conf'
export const ROTATION = '/etc/logrotate.d/modwarden-audit-log'
export const PLUGIN_FOLDER = '/etc/modsecurity/plugins'
/** Beside the settings file, in conf.d/: what the package ships for a first look, and what setup writes. */
export const FIRST_SETTINGS = '00-first.toml'
export const OWN_SETTINGS = '50-setup.toml'

export const APACHE_DEBIAN: Layout = {
  server: 'apache',
  family: 'debian',
  service: 'apache2',
  errorLog: '/var/log/apache2/error.log',
  test: ['apache2ctl', '-t'],
  auditFile: '/etc/modsecurity/modwarden-audit-log-apache.conf',
  engineFile: '/etc/modsecurity/modwarden-engine.conf',
  auditShipped: 'audit-log/modwarden-audit-log-apache.conf',
  rotationShipped: 'audit-log/logrotate-apache',
  libraries: ['/usr/lib/apache2/modules/mod_security2.so'],
  install: 'apt-get install apache2 libapache2-mod-security2 modsecurity-crs lua-socket',
}

export const APACHE_REDHAT: Layout = {
  server: 'apache',
  family: 'redhat',
  service: 'httpd',
  errorLog: '/var/log/httpd/error_log',
  test: ['httpd', '-t'],
  auditFile: '/etc/httpd/modsecurity.d/modwarden-audit-log.conf',
  engineFile: '/etc/httpd/modsecurity.d/modwarden-engine.conf',
  auditShipped: 'audit-log/modwarden-audit-log-apache.conf',
  rotationShipped: 'audit-log/logrotate-apache',
  libraries: ['/usr/lib64/httpd/modules/mod_security2.so', '/etc/httpd/modules/mod_security2.so'],
  install: 'dnf install httpd mod_security mod_security_crs',
}

export const NGINX: Layout = {
  server: 'nginx',
  family: 'debian',
  service: 'nginx',
  errorLog: '/var/log/nginx/error.log',
  test: ['nginx', '-t'],
  auditFile: '/etc/nginx/modwarden/audit-log.conf',
  engineFile: '/etc/nginx/modwarden/engine.conf',
  auditShipped: 'audit-log/modwarden-audit-log-nginx.conf',
  rotationShipped: 'audit-log/logrotate-nginx',
  libraries: ['/usr/lib/*/libmodsecurity.so.3', '/usr/lib64/libmodsecurity.so.3', '/usr/local/modsecurity/lib/libmodsecurity.so.3'],
  install: 'apt-get install nginx libnginx-mod-http-modsecurity modsecurity-crs lua-socket',
}

export const NGINX_REDHAT: Layout = { ...NGINX, family: 'redhat', install: 'dnf install nginx nginx-mod-modsecurity' }

/** Says whether the distribution is RHEL, Fedora or one of their kin. Amazon Linux has the second file alone. */
export function isRedhat(exists: (path: string) => boolean): boolean {
  return ['/etc/redhat-release', '/etc/system-release'].some(exists)
}

/** Chooses the layout by what is there; undefined when the server is not installed. */
export function chooseLayout(server: ServerName, exists: (path: string) => boolean): Layout | undefined {
  if (server === 'nginx')
    return exists('/usr/sbin/nginx') && exists('/etc/nginx/nginx.conf') ? (isRedhat(exists) ? NGINX_REDHAT : NGINX) : undefined
  if (exists('/usr/sbin/apache2ctl') && exists('/etc/apache2/apache2.conf')) return APACHE_DEBIAN
  return exists('/usr/sbin/httpd') && exists('/etc/httpd/conf/httpd.conf') ? APACHE_REDHAT : undefined
}

/** Says that a server is not there, and what to do. */
export function notInstalled(server: ServerName, isOfDnf: boolean): string {
  if (server === 'apache') return `Apache is not installed; ${isOfDnf ? APACHE_REDHAT.install : APACHE_DEBIAN.install}`
  return `nginx is not installed; ${isOfDnf ? NGINX_REDHAT.install : NGINX.install}`
}

// Runs inside the container that test/integration/setup.test.ts boots: the paths of RHEL and its kin. The tree under /etc/httpd is laid out as the
// packages httpd, mod_security and mod_security_crs do; the program behind it is Debian's Apache, and the programs of SELinux are faked.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ATTACK, asked, assertSame, get, isActive, LOG, modwarden, out, setUp, snapshot } from './machine.ts'

const HTTPD = '/etc/httpd'
const RULES = '/usr/share/modsecurity-crs/rules'
const SAID = '/root/selinux.log'
const RULES_FOLDER = `${HTTPD}/modsecurity.d`
const MODULES = ['mpm_event', 'authz_core', 'unique_id', 'dir', 'mime', 'alias', 'security2', 'headers']

function fake(name: string, text: string): void {
  writeFileSync(`/usr/sbin/${name}`, `#!/bin/sh\n${text}\n`)
  chmodSync(`/usr/sbin/${name}`, 0o755)
}

before(() => {
  out('mv', '/usr/sbin/apache2ctl', '/root/apache2ctl')
  writeFileSync('/etc/redhat-release', 'Red Hat Enterprise Linux release 9\n')
  out('useradd', '--system', '--user-group', 'apache')
  for (const folder of ['conf', 'conf.d', 'conf.modules.d', 'modsecurity.d/activated_rules', 'modsecurity.d/local_rules'])
    mkdirSync(`${HTTPD}/${folder}`, { recursive: true })
  symlinkSync('/usr/lib/apache2/modules', `${HTTPD}/modules`)
  mkdirSync('/var/log/httpd')
  symlinkSync('/var/log/httpd', `${HTTPD}/logs`)
  writeFileSync(
    `${HTTPD}/conf/httpd.conf`,
    `ServerRoot "${HTTPD}"\nListen 80\nInclude conf.modules.d/*.conf\nUser apache\nGroup apache\nServerName localhost\nDocumentRoot "/var/www/html"
PidFile /run/httpd.pid\nDefaultRuntimeDir /run\nErrorLog "logs/error_log"\nTypesConfig /etc/mime.types\nIncludeOptional conf.d/*.conf\n`,
  )
  writeFileSync(`${HTTPD}/conf.modules.d/00-base.conf`, MODULES.map(name => `LoadModule ${name}_module modules/mod_${name}.so\n`).join(''))
  writeFileSync(
    `${HTTPD}/conf.d/mod_security.conf`,
    `<IfModule mod_security2.c>\n    SecRuleEngine DetectionOnly\n    SecRequestBodyAccess On\n    SecAuditEngine RelevantOnly\n    SecAuditLogType Serial
    SecAuditLog /var/log/httpd/modsec_audit.log\n    SecTmpDir /tmp\n    SecDataDir /tmp\n\tIncludeOptional modsecurity.d/*.conf
	IncludeOptional modsecurity.d/activated_rules/*.conf\n\tIncludeOptional modsecurity.d/local_rules/*.conf\n</IfModule>\n`,
  )
  out('cp', '/etc/modsecurity/crs/crs-setup.conf', `${RULES_FOLDER}/crs-setup.conf`)
  for (const name of readdirSync(RULES)) symlinkSync(`${RULES}/${name}`, `${RULES_FOLDER}/activated_rules/${name}`)
  fake('httpd', `exec /usr/sbin/apache2 -d ${HTTPD} -f ${HTTPD}/conf/httpd.conf "$@"`)
  writeFileSync(
    '/etc/systemd/system/httpd.service',
    '[Service]\nType=forking\nPIDFile=/run/httpd.pid\nExecStart=/usr/sbin/httpd -k start\nExecStop=/usr/sbin/httpd -k graceful-stop\nExecReload=/usr/sbin/httpd -k graceful\n',
  )
  // The real ones would say the same of a machine on which they were never used, and remember.
  fake('getenforce', 'echo Enforcing')
  fake(
    'semanage',
    `[ "$2" = -l ] && { grep -o "'.*'" ${SAID}.contexts 2>/dev/null; exit 0; }\necho "semanage $*" >> ${SAID}\n[ "$2" = -a ] && echo "'$5'" > ${SAID}.contexts || rm -f ${SAID}.contexts`,
  )
  fake('restorecon', `echo "restorecon $*" >> ${SAID}`)
  fake('setsebool', `echo "setsebool $*" >> ${SAID}\necho "$3" > ${SAID}.boolean`)
  fake('getsebool', `echo "httpd_can_network_connect --> $(cat ${SAID}.boolean 2>/dev/null || echo off)"`)
  out('systemctl', 'daemon-reload')
  out('systemctl', 'start', 'httpd')
})
after(() => {
  out('systemctl', 'stop', 'httpd')
  for (const name of ['httpd', 'getenforce', 'semanage', 'restorecon', 'setsebool', 'getsebool']) rmSync(`/usr/sbin/${name}`)
  rmSync('/etc/redhat-release')
  out('mv', '/root/apache2ctl', '/usr/sbin/apache2ctl')
})

test('httpd of a RHEL-like system is set up with its own paths, group and SELinux, enforces, and is as before after --undo', () => {
  const before = snapshot()
  const said = setUp('apache', '--enforce')
  assert.match(said, /^httpd was asked for a page, and that stands in the audit log\.\nmodwarden has read it\.$/m)
  assert.match(said, /^note: ModSecurity's entries went to \/var\/log\/httpd\/modsec_audit\.log until now/m)
  assert.equal(get(ATTACK).status, 403)
  assert.deepEqual(readFileSync(SAID, 'utf8').split('\n').slice(0, 3), [
    'semanage fcontext -a -t httpd_log_t /var/log/modsecurity(/.*)?',
    'restorecon -R /var/log/modsecurity',
    'setsebool -P httpd_can_network_connect on',
  ])
  const settings = readFileSync('/etc/modwarden/conf.d/50-setup.toml', 'utf8')
  assert.match(settings, /^\[score\]\ngroup = "apache"\nlisten = "127\.0\.0\.1:5000"$/m)
  assert.match(out('stat', '-c', '%G', '/run/modwarden-score/score.sock'), /^apache$/m)
  assert.match(asked(), /\{protocol="inline",/, 'over the port that SELinux allows')
  assert.match(readFileSync('/etc/logrotate.d/modwarden-audit-log', 'utf8'), /systemctl reload httpd/)
  assert.ok(existsSync(`${RULES_FOLDER}/local_rules/modwarden-plugin-after.conf`))
  assert.match(setUp('apache', '--enforce'), /Nothing to do/)
  out('logrotate', '--force', '/etc/logrotate.d/modwarden-audit-log')
  assert.ok(isActive('httpd') && existsSync(`${LOG}.1`))

  setUp('apache', '--undo')
  assert.deepEqual(readFileSync(SAID, 'utf8').trim().split('\n').slice(3), [
    'setsebool -P httpd_can_network_connect off',
    'restorecon -R /var/log/modsecurity',
    'semanage fcontext -d /var/log/modsecurity(/.*)?',
  ])
  rmSync('/var/log/modsecurity', { recursive: true })
  assertSame(before, snapshot())
})

test('SELinux without semanage, and modules that are not there, are told with their remedy', () => {
  rmSync('/usr/sbin/semanage')
  writeFileSync(
    `${HTTPD}/conf.modules.d/00-base.conf`,
    readFileSync(`${HTTPD}/conf.modules.d/00-base.conf`, 'utf8').replace(/.*security2.*\n/, ''),
  )
  const { code, errors } = modwarden('setup', 'apache', '--yes')
  assert.equal(code, 1)
  assert.match(errors, /semanage is missing, .*dnf install policycoreutils-python-utils/)
  assert.match(errors, /Apache does not load security2_module; dnf install mod_security mod_security_crs/)
  fake('semanage', 'true')
})

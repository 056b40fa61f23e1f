import type { Settings } from '../settings.ts'
import { type Check, check, skipped, type Verdict } from './finding.ts'
import { quoted, setCommand } from './shell.ts'
import { effective, isHttpd, placeText, reloadCommand, setupCommand } from './waf.ts'
import type { Scope, SecValue, WebConfig } from './web-config.ts'

const NOT_FOUND = 'no web server with ModSecurity was found (waf-found)'

export const WAF_CHECKS: readonly Check[] = [
  check({
    id: 'waf-found',
    finds: 'no web server with ModSecurity is found: neither Apache with security2 nor nginx with `modsecurity on`',
    remedy:
      '`a2enmod security2`, or `modsecurity on;` and `modsecurity_rules_file` in nginx; `modwarden setup apache` (or `nginx`) does the rest',
    needs: ['web'],
    judge: ({ web }) => {
      if (web.length === 0)
        return skipped('no configuration of Apache or nginx was found here; a web server in a container is not looked at, but its log is')
      const unread = web.flatMap(({ problems }) => problems)
      const evidence = unread.length === 0 ? {} : { evidence: `not looked at: ${unread.slice(0, 3).join('; ')}` }
      if (web.every(({ scopes }) => scopes.length === 0)) {
        const [{ server, file, hasModule }] = web as [WebConfig]
        return {
          severity: 'bad',
          what: `${web.map(one => one.server).join(' and ')} ${web.length === 1 ? 'has' : 'have'} no ModSecurity that is switched on`,
          evidence: [
            `${file}: ${hasModule ? 'the module is loaded, nowhere is modsecurity on' : 'no module is loaded'}`,
            evidence.evidence ?? '',
          ]
            .filter(text => text !== '')
            .join('; '),
          remedy:
            server === 'nginx'
              ? 'modwarden setup nginx'
              : isHttpd(file)
                ? 'dnf install mod_security && systemctl restart httpd'
                : 'a2enmod security2 && apache2ctl configtest && systemctl restart apache2',
        }
      }
      const found = web.filter(({ scopes }) => scopes.length > 0).map(({ server, file }) => `${server} (${file})`)
      return {
        severity: unread.length === 0 ? 'ok' : 'warn',
        what: `ModSecurity is found in ${found.join(', ')}${unread.length === 0 ? '' : ', but not all files could be read'}`,
        ...evidence,
      }
    },
  }),
  eachWaf({
    id: 'waf-engine',
    finds: 'ModSecurity is off, or only looks on (`SecRuleEngine Off`, `DetectionOnly`)',
    remedy: '`SecRuleEngine On`',
    name: 'secruleengine',
    judge: (value, { remedy }) => {
      const word = value?.value.toLowerCase()
      if (word === 'on') return { severity: 'ok', what: 'the rules are on' }
      const isDetecting = word === 'detectiononly'
      return {
        severity: isDetecting ? 'warn' : 'bad',
        what: isDetecting ? 'the WAF only looks on: it denies nothing' : 'the rules are off: the WAF looks at no request',
        evidence: value === undefined ? 'SecRuleEngine is not set' : placeText('SecRuleEngine', value),
        remedy: remedy('SecRuleEngine', 'On'),
      }
    },
  }),
  eachWaf({
    id: 'waf-audit',
    finds: 'the audit log is off: `SecAuditEngine Off`, or not set',
    remedy: '`SecAuditEngine RelevantOnly`: `modwarden setup apache` (or `nginx`) sets it',
    name: 'secauditengine',
    judge: (value, { config, remedy }) => {
      const word = value?.value.toLowerCase()
      if (word === 'on' || word === 'relevantonly') return { severity: 'ok', what: `the audit log is on (SecAuditEngine ${value!.value})` }
      return {
        severity: 'bad',
        what: 'the audit log is off: modwarden learns of nothing',
        evidence: value === undefined ? 'SecAuditEngine is not set, which means Off' : placeText('SecAuditEngine', value),
        remedy: value === undefined ? setupCommand([config], undefined) : remedy('SecAuditEngine', 'RelevantOnly'),
      }
    },
  }),
  check({
    id: 'waf-log',
    finds: 'the WAF writes its audit log to another place than modwarden reads, or not to a file',
    remedy: 'the setting `audit_log` must name what `SecAuditLog` names; `modwarden setup apache` (or `nginx`) makes them agree',
    needs: ['settings', 'web'],
    judge: facts => {
      const places = facts.web.flatMap(config => effective(config.scopes, 'secauditlog').map(place => ({ config, ...place })))
      const written = places.filter(({ config, value }) => value !== undefined && isAudited(config, value))
      if (facts.web.every(({ scopes }) => scopes.length === 0)) return skipped(NOT_FOUND)
      if (written.length === 0 && places.some(({ value }) => value !== undefined)) return skipped('the audit log is off (waf-audit)')
      if (written.length === 0)
        return {
          severity: 'bad',
          what: 'the WAF is told to write no audit log',
          evidence: 'SecAuditLog is not set',
          remedy: setupCommand(facts.web, undefined),
        }
      const paths = written.map(({ value }) => value!.value)
      return [...written.map(({ config, value }) => placeVerdict(config, value!, { ...facts, written: paths })), ...nowhere(paths, facts)]
    },
  }),
]

type Place = { settings: Settings; settingsFolder: string }
type Setting = { config: WebConfig; remedy: (name: string, value: string) => string }
type Row = Pick<Check, 'id' | 'finds' | 'remedy'> & { name: string; judge: (value: SecValue | undefined, setting: Setting) => Verdict }

/** Makes a check of a setting in every part of a web server where ModSecurity is in force. */
function eachWaf({ name, judge, ...row }: Row): Check {
  return check({
    ...row,
    needs: ['web'],
    judge: ({ web }) => {
      const verdicts = web.flatMap(config =>
        effective(config.scopes, name).map(({ scope, value }) => ({
          about: scope === '' ? config.file : scope,
          ...judge(value, { config, remedy: (setting, wanted) => edit(config, setting, wanted, value) }),
        })),
      )
      return verdicts.length === 0 ? skipped(NOT_FOUND) : verdicts
    },
  })
}

/** A command that puts another value in the place of a setting, tests the configuration and takes it over. */
function edit(config: WebConfig, setting: string, wanted: string, value: SecValue | undefined): string {
  const { server } = config
  if (value === undefined) return `${setupCommand([{ server }], undefined)}   # and ${setting} ${wanted}`
  // Rules that stand in nginx's own configuration have no line of their own.
  const line = /:\d+$/.test(value.file) ? '' : value.line
  return `sed -i --follow-symlinks '${line}s/\\(${setting}\\s\\s*\\)"\\?\\w*"\\?/\\1${wanted}/I' ${quoted(value.file.replace(/:\d+$/, ''))} && ${reloadCommand(config)}`
}

function isAudited({ scopes }: WebConfig, value: SecValue): boolean {
  const own = scopes.filter(scope => scope.values.get('secauditlog') === value)
  return own.some(scope => !['off', undefined].includes(scope.values.get('secauditengine')?.value.toLowerCase()))
}

function placeVerdict(
  config: WebConfig,
  value: SecValue,
  { settings, settingsFolder, written }: Place & { written: readonly string[] },
): Verdict {
  const scope: Scope | undefined = config.scopes.find(one => one.values.get('secauditlog') === value)
  const evidence = placeText('SecAuditLog', value)
  const type = scope?.values.get('secauditlogtype')
  const about = value.value
  if (type?.value.toLowerCase() === 'https' || value.value.startsWith('|'))
    return {
      severity: 'bad',
      about,
      what: 'the audit log goes to a program or a web server, not to a file',
      evidence: type === undefined ? evidence : `${evidence}; ${placeText('SecAuditLogType', type)}`,
      remedy: setupCommand([config], undefined),
    }
  if (!settings.auditLogs.includes(value.value))
    return {
      severity: 'bad',
      about,
      what: `${config.server} writes its audit log here, but modwarden reads ${settings.auditLogs.join(', ')} ('${setupCommand([config], undefined)}' makes them agree too)`,
      evidence,
      remedy: setCommand(settingsFolder, 'log', [`audit_log = ${logsText(settings.auditLogs, written)}`], 'systemctl restart modwarden'),
    }
  const storage = scope?.values.get('secauditlogstoragedir')
  const isElsewhere =
    storage !== undefined && trimmed(storage.value) !== trimmed(settings.storageDir || about.slice(0, about.lastIndexOf('/')))
  if (type?.value.toLowerCase() === 'concurrent' && isElsewhere)
    return {
      severity: 'bad',
      about,
      what: 'the files of the concurrent audit log lie elsewhere than modwarden looks for them',
      evidence: `${placeText('SecAuditLogStorageDir', storage)}; storage_dir ${settings.storageDir || 'is not set'}`,
      remedy: setCommand(settingsFolder, 'storage', [`storage_dir = ${JSON.stringify(storage.value)}`], 'systemctl restart modwarden'),
    }
  return { severity: 'ok', about, what: `${config.server} writes its audit log where modwarden reads it` }
}

/** All logs that are to be read, as TOML: those that are written here, beside those that are read where these are right. */
function logsText(read: readonly string[], written: readonly string[]): string {
  const files = written.filter(path => !path.startsWith('|'))
  const all = [...new Set([...(read.some(path => files.includes(path)) ? read : []), ...files])]
  return JSON.stringify(all.length === 1 ? all[0] : all)
}

/** The logs that modwarden reads and no web server here writes to: those of another machine, or of a container, maybe. */
function nowhere(written: readonly string[], { settings }: Place): Verdict[] {
  const others = settings.auditLogs.filter(path => !written.includes(path))
  // Where none agrees, that is told above.
  if (others.length === settings.auditLogs.length) return []
  return others.map(path => ({
    severity: 'warn',
    about: path,
    what: 'modwarden reads it, but no web server that was found here writes it',
    remedy: `ls -l ${quoted(path)}`,
  }))
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, '')
}

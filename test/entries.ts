import type { Millis } from '../src/core/types.ts'

export type FakeEntry = {
  at?: Millis
  ip: string
  uri?: string
  method?: string
  status?: number
  loggedScore?: number
  id?: string
  headers?: Record<string, string>
  body?: string
  denied?: boolean
  /** A rule of the Core Rule Set found an attack. */
  attack?: boolean
  /** More rules that matched. */
  rules?: readonly { id: string; data: string }[]
}

/** Writes an entry as libmodsecurity 3 does (JSON, one line), with the inline score as rule 100004 logs it. Time stamps have whole seconds of local time. */
export function v3Entry({
  at = Date.now(),
  ip,
  uri = '/',
  method = 'GET',
  status,
  loggedScore,
  id,
  headers = {},
  body = '',
  denied = false,
  attack = false,
  rules = [],
}: FakeEntry): string {
  const details = {
    match: 'm',
    reference: '',
    file: '/etc/modsecurity/rules.conf',
    lineNumber: '1',
    severity: '2',
    ver: '',
    rev: '',
    tags: [],
    maturity: '0',
    accuracy: '0',
  }
  const score =
    loggedScore === undefined
      ? []
      : [
          {
            message: 'High ML anomaly score detected',
            details: { ...details, ruleId: '100004', data: `ML Score: ${loggedScore}, Request: x` },
          },
        ]
  const found = attack
    ? [{ message: 'SQL Injection Attack Detected via libinjection', details: { ...details, ruleId: '942100', data: '' } }]
    : []
  const denial = denied
    ? [{ message: 'Inbound Anomaly Score Exceeded (Total Score: 5)', details: { ...details, ruleId: '949110', data: '' } }]
    : []
  const transaction = {
    client_ip: ip,
    time_stamp: ctime(new Date(at)),
    server_id: 'aaaa',
    client_port: 40_000,
    host_ip: '198.51.100.200',
    host_port: 80,
    unique_id: id ?? `${at}.${Math.floor(Math.random() * 1e6)}`,
    request: {
      method,
      http_version: 1.1,
      uri,
      headers: { Host: 'shop.example', 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)', Accept: '*/*', ...headers },
      body,
    },
    response: { http_code: status ?? (denied ? 403 : 200), headers: { Server: 'nginx' } },
    producer: {
      modsecurity: 'ModSecurity v3.0.9 (Linux)',
      connector: 'ModSecurity-nginx v1.0.3',
      secrules_engine: 'Enabled',
      components: ['OWASP_CRS/3.3.4"'],
    },
    messages: [...found, ...score, ...rules.map(({ id, data }) => ({ message: '', details: { ...details, ruleId: id, data } })), ...denial],
  }
  return `${JSON.stringify({ transaction })}\n`
}

/** Writes a time as libmodsecurity 3 does, in local time. */
export function ctime(date: Date): string {
  const [day, month] = [date.toLocaleString('en-US', { weekday: 'short' }), date.toLocaleString('en-US', { month: 'short' })]
  const two = (value: number) => String(value).padStart(2, '0')
  return `${day} ${month} ${String(date.getDate()).padStart(2, ' ')} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${date.getFullYear()}`
}

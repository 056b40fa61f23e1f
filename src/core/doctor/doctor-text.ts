import { CHECKS } from './checks.ts'

/** Writes the reference of the checks for docs/doctor.md. */
export function doctorMarkdown(): string {
  const rows = CHECKS.map(({ id, finds, remedy }) => `| \`${id}\` | ${cell(finds)} | ${cell(remedy)} |`)
  return [...HEAD, '| check | what it finds | what to do |', '|---|---|---|', ...rows, ''].join('\n')
}

const HEAD = [
  '# modwarden doctor',
  '',
  'Made from the tables in `src/core/doctor/` by `npm run docs`; a test compares them.',
  '',
  '```sh',
  'modwarden doctor           # as root: what is amiss first, with what was seen and the command that mends it',
  'modwarden doctor --json    # one object a line: check, severity, about, what, evidence, remedy',
  '```',
  '',
  '`severity` is `bad` (modwarden does not protect as it should), `warn` (it does, but something is amiss), `ok`, or `skipped` (there was',
  'nothing to look at, or it could not be looked at; `what` says why). `about` names the log, the chain or the part of the web server, where there may be',
  'several. Exit status: 0 when nothing is bad, whatever warnings there are; 1 when something is bad. In a monitoring system:',
  '`modwarden doctor --json | jq -c \'select(.severity == "bad")\'`.',
  '',
  'It changes nothing. Each part of the machine is looked at on its own and within a time limit (8 s, the database 20 s), so that what hangs or fails',
  'hides nothing else. Logs, database and models are opened by a process that has become the user of the service, the socket of the scoring',
  "server by one that has become the web server's user: what they may not do is found by trying. Without root, what only root can see is skipped,",
  'and the exit status says nothing about it: let a monitoring system run it as root.',
  '',
  'The settings of ModSecurity are read from the configuration files, from `apache2.conf`, `httpd.conf`, `nginx.conf`, or what the running server was',
  'started with (`-f`, `-c`), by following their includes: conditions on modules and definitions are evaluated, later settings win, a virtual host',
  'or server block of its own is judged by itself, settings for a `Location` or `Directory` are taken for exceptions. Apache itself is not asked:',
  '`apache2ctl -t` would create the audit log. What could not be read is told by `waf-found`; a web server in a container is not looked at, but a log',
  'that it shares with this machine is.',
  '',
]

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

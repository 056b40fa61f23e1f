import { AUDIT_FOLDER } from './layout.ts'
import type { Command, Facts, Part } from './types.ts'

const PATTERN = `${AUDIT_FOLDER}(/.*)?`
const BOOLEAN = 'httpd_can_network_connect'

/** Plans what SELinux must allow: the web server writes the audit log, and connects to the scoring server. Goes behind the step that makes the log. */
export function selinuxPart({ selinux }: Facts, { plugin }: { plugin: boolean }): Part {
  if (selinux === undefined) return {}
  if (selinux.contexts === undefined)
    return {
      problems: [
        'SELinux is on, but semanage is missing, by which the audit log gets its context; dnf install policycoreutils-python-utils',
      ],
    }
  const label: Command = ['restorecon', '-R', AUDIT_FOLDER]
  return {
    steps: [
      ...(selinux.contexts.includes(PATTERN)
        ? []
        : ([
            {
              kind: 'run',
              run: ['semanage', 'fcontext', '-a', '-t', 'httpd_log_t', PATTERN],
              undo: ['semanage', 'fcontext', '-d', PATTERN],
              why: `Let SELinux know that ${AUDIT_FOLDER} holds logs of the web server`,
            },
            { kind: 'run', run: label, undo: label, why: `Give ${AUDIT_FOLDER} that context` },
          ] as const)),
      ...(plugin && !selinux.canConnect
        ? ([
            {
              kind: 'run',
              run: ['setsebool', '-P', BOOLEAN, 'on'],
              undo: ['setsebool', '-P', BOOLEAN, 'off'],
              why: `Let SELinux allow the web server to connect to the scoring server (${BOOLEAN}; it holds for every address)`,
            },
          ] as const)
        : []),
    ],
  }
}

import * as v from 'valibot'
import { KINDS } from './notification/notices.ts'
import { type FileValues, parseRows, type ValuesOf } from './settings-parse.ts'
import { listOf, type Reader, row, type Setting, secretRow, whole } from './settings-readers.ts'

/** The table `[notify]` of notify.toml, a file of its own: it holds secrets that only the notifier may read. */
export const NOTIFY_SETTINGS = {
  command: secretRow(
    'notify.command',
    [],
    'A program that is started for each notification, without a shell: a path, or a list with its arguments. It gets the notification as JSON on standard input and as one line of text in MODWARDEN_TEXT.',
    commandLine(),
  ),
  webhook: secretRow(
    'notify.webhook',
    '',
    'An address (https://… or http://…) to which each notification is posted as JSON. Redirects are not followed.',
    webhookUrl(),
  ),
  webhookHeader: secretRow('notify.webhook_header', '', 'A header to send along, such as "Authorization: Bearer TOKEN".', headerLine()),
  on: row('notify.on', [...KINDS], `What to tell: ${KINDS.map(kind => `"${kind}"`).join(', ')}.`, listOf(...KINDS)),
  rate: row('notify.rate', 20, 'The most notifications of each kind within an hour; what is above is summed up in one.', whole(1, 3600)),
} as const satisfies Record<string, Setting<unknown>>

export type NotifySettings = ValuesOf<typeof NOTIFY_SETTINGS>

/** Reads the settings of the notifier; every problem comes back at once, without what may be a secret. */
export function parseNotifySettings(files: readonly FileValues[]): { ok: true; value: NotifySettings } | { ok: false; problems: string[] } {
  const { values, problems } = parseRows(NOTIFY_SETTINGS, files)
  if (problems.length === 0 && values.webhookHeader !== undefined && values.webhook === undefined)
    problems.push('notify.webhook_header: is of no use without notify.webhook')
  return problems.length === 0 ? { ok: true, value: values } : { ok: false, problems }
}

/** Says whether there is anywhere to send to. */
export function hasChannel({ command, webhook }: NotifySettings): boolean {
  return command.length > 0 || webhook !== undefined
}

function commandLine(): Reader<readonly string[]> {
  const message = 'must be the absolute path of a program, or a list of that and its arguments'
  const isText = (text: unknown) => typeof text === 'string' && !text.includes('\0')
  return v.pipe(
    v.custom<string | string[]>(value => isText(value) || (Array.isArray(value) && value.every(isText)), message),
    v.transform(value => (value === '' ? [] : [value].flat())),
    v.check(list => list.length === 0 || list[0]!.startsWith('/'), message),
  )
}

function webhookUrl(): Reader<URL | undefined> {
  const message = 'must be an address that begins with https:// or http://'
  return v.pipe(
    v.string(message),
    v.check(text => text === '' || (/^https?:\/\/[^\s]+$/.test(text) && URL.canParse(text)), message),
    v.transform(text => (text === '' ? undefined : new URL(text))),
  )
}

function headerLine(): Reader<{ name: string; value: string } | undefined> {
  const message = 'must be a header such as "Authorization: Bearer TOKEN", in printable ASCII'
  return v.pipe(
    v.string(message),
    v.check(text => text === '' || readHeader(text) !== undefined, message),
    v.transform(readHeader),
  )
}

/** What says how long the message is and to whom it goes is not for settings to say. */
const OURS = /^(?:host|content-length|content-type|transfer-encoding|connection|expect|upgrade|te|trailer)$/i

function readHeader(text: string): { name: string; value: string } | undefined {
  const [, name, value] = /^([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}):[ \t]*([\x20-\x7e]{1,4096})$/.exec(text) ?? []
  return name === undefined || value === undefined || OURS.test(name) ? undefined : { name, value }
}

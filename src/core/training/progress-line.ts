/** How far the reading of some files is. */
export type Progress = { label: string; bytes: number; totalBytes: number; requests: number; elapsedSeconds: number }

const BAR = 24
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB']

/** Writes progress as one line of at most `columns` characters: a bar, bytes of all bytes, requests, their rate and the time that is left. */
export function progressLine({ label, bytes, totalBytes, requests, elapsedSeconds }: Progress, columns: number): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes)
  const bar = '#'.repeat(Math.floor(share * BAR)).padEnd(BAR, '.')
  const rate = elapsedSeconds > 0 ? Math.round(requests / elapsedSeconds) : 0
  // The first moments say nothing about the rest.
  const left = elapsedSeconds < 1 || share === 0 ? '' : `, ${clockTime((elapsedSeconds * (1 - share)) / share)} left`
  const parts = [
    `${label} [${bar}] ${String(Math.floor(share * 100)).padStart(3)} %`,
    `${size(bytes)} of ${size(totalBytes)}`,
    `${requests.toLocaleString('en-US')} requests`,
    `${rate.toLocaleString('en-US')}/s${left}`,
  ]
  let line = parts[0]!
  for (const part of parts.slice(1)) if (line.length + 2 + part.length <= columns) line += `, ${part}`
  return line.slice(0, Math.max(0, columns))
}

function size(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${(bytes / 1000 ** unit).toFixed(unit < 2 ? 0 : 1)} ${UNITS[unit]}`
}

function clockTime(seconds: number): string {
  const whole = Math.min(Math.round(seconds), 359_999)
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

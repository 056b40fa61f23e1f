declare module 'systemd-notify' {
  /** Starts the program systemd-notify; rejects when it cannot be started or fails. */
  export default function notify(options: { ready?: boolean; status?: string; pid?: number; booted?: boolean }): Promise<void>
}

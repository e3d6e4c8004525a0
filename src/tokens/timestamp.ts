// RFC 3339 timestamps, as SIWE messages carry them (wire §3.1). `Date.parse` takes 30 February and
// "1", so the text is matched whole and the calendar is asked back.

const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** Unix seconds with the fraction kept; undefined when the text is no real date and time with offset. */
export function parseTimestamp(text: string): number | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const field = (at: number) => Number(match[at] ?? 0);
  const [year, month, day] = [field(1), field(2), field(3)];
  const [hour, minute, second] = [field(4), field(5), field(6)];
  const [offsetHours, offsetMinutes] = [field(9), field(10)];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  if (offsetHours > 23 || offsetMinutes > 59) return undefined;

  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const isReal = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day;
  if (!isReal) return undefined;

  const sign = match[8] === "-" ? -1 : 1;
  const whole = date.getTime() / 1000 - sign * (offsetHours * 3600 + offsetMinutes * 60);
  const fraction = match[7] ?? "";
  // As text, so that the sum is the number nearest to what was written.
  return whole >= 0 ? Number(`${whole}${fraction}`) : whole + Number(`0${fraction}`);
}

// Texts that must be shown as text wherever they appear.

/** HTML, quotes, right-to-left and its override, an emoji of several parts. */
export const HOSTILE = `<img src=x onerror="alert(1)">'"&amp; שלום \u202Egnp.exe 👩‍🚀`;

/** The same as a signal's name: new ones take visible characters only. */
export const HOSTILE_NAME = HOSTILE.replace("\u202E", "");

/** The longest that a title or a signal's name may be: 256 bytes, of one, two and three to a character. */
export const LONG = `long.${"é漢".repeat(50)}x`;

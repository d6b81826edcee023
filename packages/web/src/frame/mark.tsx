/** The mark: an ear. Drawn in the color of the text around it. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.9" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d="M6 10.6a6.4 6.4 0 1 1 11.7 3.6c-1.6 2.3-3.4 3-3.4 5.2a3.2 3.2 0 0 1-5.7 2" />
      <path d="M9.9 10.7a2.5 2.5 0 1 1 3.9 2.1c-1.3.8-1.9 1.6-1.9 2.9" />
    </svg>
  );
}

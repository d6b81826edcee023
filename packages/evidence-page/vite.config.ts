import { defineConfig, type Plugin } from "vite";

/** Everything into the one file: a page that was opened from a disk may load no module. */
function inline(): Plugin {
  return {
    name: "inline",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("there is no page");
      let html = String(page.source);
      for (const [name, file] of Object.entries(bundle)) {
        if (file === page) continue;
        const text = file.type === "chunk" ? file.code : String(file.source);
        // Marks of HTML inside of a script would end it, or hide its end.
        const element = file.type === "chunk" ? `<script type="module">${text.replace(/<(?=!--|\/?script)/gi, "\\x3c")}</script>` : `<style>${text}</style>`;
        const reference = new RegExp(`<(script|link)[^>]*(?:src|href)="\\./${name.replaceAll(".", "\\.")}"[^>]*>(?:</script>)?`);
        if (!reference.test(html)) throw new Error(`the page does not name ${name}`);
        html = html.replace(reference, () => element);
        delete bundle[name];
      }
      page.source = html;
    },
  };
}

export default defineConfig({
  base: "./",
  plugins: [inline()],
  build: { target: "es2024", modulePreload: false, cssCodeSplit: false, assetsInlineLimit: 0, rollupOptions: { output: { codeSplitting: false, entryFileNames: "page.js", assetFileNames: "page[extname]" } } },
});

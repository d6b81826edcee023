import { FluentProvider } from "@fluentui/react-components";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { IntlProvider } from "react-intl";
import { en } from "./messages/en.ts";
import { queryClient, router } from "./router.tsx";
import { darkTheme, lightTheme, useIsDark } from "./theme.ts";

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** English words with the dates of the reader's own English. */
const locale = navigator.languages.find((one) => one.startsWith("en")) ?? "en";

export function App() {
  const dark = useIsDark();
  return (
    <IntlProvider locale={locale} messages={en} timeZone={timeZone}>
      <FluentProvider theme={dark ? darkTheme : lightTheme}>
        {/* Not a class of the provider: Fluent would repeat it on everything that pops up. */}
        <div className="app">
          <QueryClientProvider client={queryClient}>
            <RouterProvider router={router} />
          </QueryClientProvider>
        </div>
      </FluentProvider>
    </IntlProvider>
  );
}

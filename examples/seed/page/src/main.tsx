// The one line that points a Convex front end at Rufaa is the client's address.

import { ConvexProvider, ConvexReactClient } from "convex/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { address, token } from "./settings";
import { WorkList } from "./WorkList";

const convex = new ConvexReactClient(address);
if (token) convex.setAuth(async () => token);

createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <ConvexProvider client={convex}>
      <WorkList />
    </ConvexProvider>
  </StrictMode>,
);

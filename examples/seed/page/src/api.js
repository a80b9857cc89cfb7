// The functions by their names; api.d.ts beside this, printed by `rufaa functions --typescript`, has their types.

import { anyApi } from "convex/server";

export const api = anyApi, paginated = anyApi, actions = anyApi;

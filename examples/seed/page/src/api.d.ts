// The functions of Rufaa, for front ends on the npm package "convex". Printed by: rufaa functions --typescript
//
// Keep it as api.d.ts beside an api.js of two lines, and import { api } from there:
//
//   import { anyApi } from "convex/server";
//   export const api = anyApi, paginated = anyApi, actions = anyApi;
//
// Ids are strings, instants milliseconds since 1970, amounts shillings.

import type { FunctionReference, PaginationOptions, PaginationResult } from "convex/server";

/** Receipts paid a fee. */
export interface Applied {
  accountCode: string;
  /** what of them goes on waiting */
  left: number;
}

/** An appointment of a referral, whatever became of it. */
export interface Booking {
  _id: string;
  _creationTime: number;
  referralId: string;
  status: "held" | "booked" | "arrived" | "seen" | "missed" | "lapsed" | "cancelled" | "moved";
  clinicId: string;
  clinic: string;
  facility: string;
  slotId: string;
  bookedDate: string;
  bookedTime: string;
  startsAt: number;
  endsAt: number;
  /** until then the slot waits for the fee; null: it does not wait */
  heldUntil: number | null;
  reason: string | null;
  /** the clinic takes nobody then any more */
  toBeMoved: boolean;
}

/** One thing that people are referred to a facility for, with its own hours. */
export interface Clinic {
  _id: string;
  _creationTime: number;
  name: string;
  facilityId: string;
  facility: string;
  services: Array<string>;
  hours: Array<OpeningHours>;
  slotMinutes: number;
  /** how long a slot waits for the fee */
  holdMinutes: number;
}

/** How many there are, by name. One that has reached `countedTo` says: so many, or more. */
export interface Counts {
  counts: Record<string, number>;
  countedTo: number;
}

/** A facility that the caller may refer to. */
export interface Destination {
  _id: string;
  _creationTime: number;
  name: string;
  /** what a referral to it costs; null: no price is set, or it is open from where */
  price: number | null;
}

/** One person proposed to waive or defer the fee; a second one has to agree. */
export interface ExemptionProposal {
  kind: "waive" | "defer";
  reason: string;
}

/** The newest prompt of a fee. */
export interface LastPrompt {
  _id: string;
  status: "created" | "sending" | "pending" | "unknown" | "refused" | "paid" | "unpaid" | "review";
  phoneNumber: string;
  attemptNumber: number;
  /** how long the phone can still ring, as of this answer */
  secondsLeft: number;
  /** what happened, for a person */
  message: string;
}

/** The caller. */
export interface Me {
  _id: string;
  name: string;
  operator: boolean;
  facilities: Array<MyFacility>;
}

/** A facility in which the caller has a role. */
export interface MyFacility {
  _id: string;
  _creationTime: number;
  name: string;
  roles: Array<"physician" | "administrator" | "reception" | "finance">;
  /** referrals from it may be created */
  mayRefer: boolean;
  /** a move into pending-payment sends the prompt by itself */
  promptsAtOnce: boolean;
}

/** When a clinic works on one day of the week. */
export interface OpeningHours {
  /** 1 Monday to 7 Sunday */
  weekday: number;
  /** 08:00 */
  opens: string;
  closes: string;
}

/** What to type into M-Pesa to pay by hand. */
export interface Paybill {
  shortCode: string;
  accountCode: string;
  amount: number;
  /** Buy Goods: it takes no account code */
  till?: string;
}

/** One prompt of a referral's fee, and its receipt where the money came. */
export interface PaymentAttempt {
  _id: string;
  _creationTime: number;
  referralId: string;
  amount: number;
  phoneNumber: string;
  attemptNumber: number;
  status: "pending" | "completed" | "failed" | "unknown";
  promptStatus: "created" | "sending" | "pending" | "unknown" | "refused" | "paid" | "unpaid" | "review";
  message: string;
  stkRequestId?: string;
  merchantRequestId?: string;
  mpesaTransactionId?: string;
  paidAt?: number;
  errorMessage?: string;
  errorCode?: string;
  /** its money came, and waits for a person */
  unapplied?: boolean;
  held?: boolean;
  /** while it is held */
  paybill?: Paybill;
}

/** What referrals from a facility cost. */
export interface Price {
  _id: string;
  _creationTime: number;
  facilityId: string;
  facility: string;
  /** null: to any */
  receivingFacilityId: string | null;
  receivingFacility: string | null;
  payeeId: string;
  payee: string;
  amount: number;
  shortCode: string;
  till?: string;
}

/** The answer of a function that sends a prompt. */
export interface PromptAnswer {
  /** Daraja took it, or it was under way, or the fee is paid already */
  success: boolean;
  status: "created" | "sending" | "pending" | "unknown" | "refused" | "paid" | "unpaid" | "review" | "held";
  message: string;
  referralId: string;
  phoneNumber: string;
  amount: number;
  attemptNumber?: number;
  paymentId?: string;
  /** it was under way already: nothing was sent again */
  joined?: boolean;
  alreadyPaid?: boolean;
  /** while prompts are held */
  paybill?: Paybill;
  checkoutRequestId?: string;
  merchantRequestId?: string;
}

/** What became of the prompt that a move sends by itself. An error here undid nothing. */
export interface PromptNotice {
  /** held, sent, joined, already-paid, or an error's */
  code: string;
  message: string;
  data?: Record<string, any>;
}

/** What a page shows about the prompt of a referral, and about the fee that it asks for. */
export interface PromptStatus {
  referralId: string;
  /** null: none was sent yet */
  paymentId: string | null;
  status: "none" | "held" | "on-its-way" | "enter-pin" | "checking" | "paid" | "not-paid" | "not-sent" | "review";
  /** what happened, for a person */
  message: string;
  /** masked for who may not see it */
  phoneNumber: string | null;
  attemptNumber: number;
  /** it may ring, or its answer is awaited: nothing else is sent */
  live: boolean;
  /** not before then does it make sense to ask again; null: nothing to wait for */
  againAt: number | null;
  /** a person looks at this prompt or another of the fee: to ask again, give a reason */
  reasonNeeded: boolean;
  receipt: string | null;
  amount: number | null;
  /** null: no fee was raised yet */
  feeStatus: "due" | "paid" | "waived" | "deferred" | "refunded" | null;
  /** no prompts are sent at the moment */
  held: boolean;
  /** how to pay by hand, while something is open */
  paybill: Paybill | null;
}

/** A referral as its reader may see it: what is medical, and the phones, are absent for finance people. */
export interface Referral {
  _id: string;
  _creationTime: number;
  status: "pending-admin" | "awaiting-biodata" | "pending-payment" | "paid" | "confirmed" | "completed" | "rejected" | "cancelled";
  patientName: string;
  priority: "Routine" | "Urgent" | "Emergency";
  referringHospital: string;
  referringFacilityId: string;
  receivingFacility: string;
  receivingFacilityId: string;
  accountCode: string;
  stkSentCount: number;
  /** null: no fee was raised yet */
  payment: ReferralPayment | null;
  /** what this reader may do now: status:<to>, or a function's name */
  allowedActions: Array<string>;
  exemptionProposal?: ExemptionProposal;
  patientId?: string | null;
  medicalHistory?: string;
  labResults?: string | Array<any>;
  diagnosis?: string;
  physicianId?: string;
  physicianName?: string;
  patientPhone?: string | null;
  stkPhoneNumber?: string | null;
  patientEmail?: string | null;
  patientDateOfBirth?: string | null;
  patientNationalId?: string | null;
  bookedDate?: string | null;
  bookedTime?: string | null;
  referralToken?: string;
  statusReason?: string | null;
  /** in the answer of a move */
  promptNotice?: PromptNotice;
}

/** The fee of a referral. */
export interface ReferralPayment {
  amount: number;
  status: "due" | "paid" | "waived" | "deferred" | "refunded";
  receipt?: string;
  prompt?: LastPrompt;
  /** while something is open */
  paybill?: Paybill;
  /** no prompts are sent at the moment */
  held?: boolean;
}

/** Money that two people give back. */
export interface Refund {
  _id: string;
  _creationTime: number;
  status: "proposed" | "withdrawn" | "approved" | "sending" | "ordered" | "unknown" | "resending" | "done" | "failed";
  receiptId: string;
  mpesaTransactionId: string | null;
  accountCode: string | null;
  amount: number | null;
  method: "reversal" | "b2c";
  phoneNumber: string | null;
  reason: string;
  proposedBy: string;
  approvedBy: string | null;
  refundTransactionId: string | null;
  errorMessage: string | null;
}

/** What a refund is after a move. */
export interface RefundAnswer {
  refundId: string;
  status: "proposed" | "withdrawn" | "approved" | "sending" | "ordered" | "unknown" | "resending" | "done" | "failed";
}

/** A time that can be chosen. */
export interface Slot {
  _id: string;
  clinicId: string;
  /** 2026-11-23, in Kenya */
  bookedDate: string;
  /** 09:30 */
  bookedTime: string;
  startsAt: number;
  endsAt: number;
  /** so many are left */
  places: number;
}

/** Something that only a person can settle. */
export interface Task {
  _id: string;
  _creationTime: number;
  kind: "unapplied" | "review" | "contradiction" | "refund" | "stray" | "claim" | "unread" | "unserved";
  why: string;
  referralId: string | null;
  accountCode: string | null;
  proposedAccountCode: string | null;
  receiptId: string | null;
  mpesaTransactionId: string | null;
  free: number | null;
  paymentId: string | null;
  refundId: string | null;
}

/** What became of a code that a person typed. */
export interface TypedCode {
  status: "pays" | "for-finance" | "asked";
  message: string;
}

/** Money that arrived and waits for a person. */
export interface UnappliedReceipt {
  _id: string;
  _creationTime: number;
  mpesaTransactionId: string | null;
  amount: number | null;
  /** what of it neither pays a fee nor is promised back */
  free: number | null;
  paidAt: number | null;
  /** what the payer typed */
  reference: string;
  phoneShown: string | null;
  account: string;
  why: string | null;
  proposedAccountCode: string | null;
  proposedAmount: number | null;
}

/** Every function. A list is read whole through it, up to its limit. */
export declare const api: {
  bookings: {
    /** Give the time back; once it was booked, with a reason. The referral stays what it is. Answers the booking. */
    cancelBooking: FunctionReference<"mutation", "public", { bookingId: string; reason?: string | null; demoUserId?: string | null }, Booking>;
    /** Take a time for a referral: by `slotId`, or by day and time, of `clinicId` where several have one then; without a time the day's first. While the fee is open the slot is held (status `held`, until `heldUntil`), else it is booked, and the referral is confirmed with it. Another time takes the former one's place, and needs a reason once that was booked. Answers the booking. */
    createBooking: FunctionReference<"mutation", "public", { referralId: string; slotId?: string | null; clinicId?: string | null; bookedDate?: string | null; bookedTime?: string | null; reason?: string | null; demoUserId?: string | null }, Booking>;
    /** All appointments of a referral, newest first, whatever became of each; none of one that is not there to see. */
    getByReferral: FunctionReference<"query", "public", { referralId: string; demoUserId?: string | null }, Array<Booking>>;
  };
  clinics: {
    /** The times of a clinic that have a place left, soonest first: on `date` (2026-11-23) and for `days` days from then, one unless it is said; without `date` the next ones. At most `limit` of them, 500 at most. Live: what somebody else takes disappears. */
    getAvailableSlots: FunctionReference<"query", "public", { clinicId: string; date?: string | null; days?: number | null; limit?: number | null; demoUserId?: string | null }, Array<Slot>>;
    /** The clinics of a facility, named or by id, by name; without `facility` those of the caller's own. */
    list: FunctionReference<"query", "public", { facility?: string | null; demoUserId?: string | null }, Array<Clinic>>;
  };
  facilities: {
    /** Who the caller is, and the facilities in which they have a role, by name. */
    getMine: FunctionReference<"query", "public", { demoUserId?: string | null }, Me>;
    /** Facilities that the caller may refer to, by name, with what a referral to each costs. `search` is a part of the name. `referringHospital`, by name or id, says from where: who may create referrals in several facilities is told no prices without it. Empty for who may create none. */
    list: FunctionReference<"query", "public", { search?: string | null; referringHospital?: string | null; demoUserId?: string | null }, Array<Destination>>;
  };
  fees: {
    /** The first of two people proposes to waive the fee, or to defer it. Answers the referral. */
    proposeExemption: FunctionReference<"mutation", "public", { referralId: string; kind: "waive" | "defer"; reason: string; demoUserId?: string | null }, Referral>;
    /** The second of two people agrees: the fee is waived or deferred. Answers the referral. */
    secondExemption: FunctionReference<"mutation", "public", { referralId: string; demoUserId?: string | null }, Referral>;
  };
  mpesa: {
    /** The prompt `paymentId`, or the newest one of a referral, in words that a page can show, with the fee that it asks for. The answer changes only when something happened: what runs out is told as an instant. Null if there is nothing to see. */
    getPromptStatus: FunctionReference<"query", "public", { referralId?: string | null; paymentId?: string | null; demoUserId?: string | null }, PromptStatus | null>;
    /** Send the M-Pesa prompt for the referral's fee to this phone, as referralPayments:triggerReferralPayment does. */
    initiateSTKPush: FunctionReference<"mutation", "public", { phoneNumber: string; referralId: string; amount?: number | null; patientName?: string | null; reason?: string | null; demoUserId?: string | null }, PromptAnswer>;
  };
  payments: {
    /** Every attempt to collect the referral's fee, newest first, with its receipt where the money came. `held`: it waits until prompts are sent again; `paybill` then says how to pay by hand. */
    getByReferral: FunctionReference<"query", "public", { referralId: string; demoUserId?: string | null }, Array<PaymentAttempt>>;
  };
  prices: {
    /** Prices of referrals from facilities that the caller administers, and of those that pay a facility whose finance they do, in the order in which they were first set. The one for a receiving facility wins over the one for any. */
    list: FunctionReference<"query", "public", { demoUserId?: string | null }, Array<Price>>;
  };
  receipts: {
    /** These receipts, in this order, pay the fee of this account code; what is left of them goes on waiting. */
    apply: FunctionReference<"mutation", "public", { receiptIds: Array<string>; accountCode: string; demoUserId?: string | null }, Applied>;
    /** Receipts of which something waits, oldest first, with the account code that is proposed; at most 200 without `paginationOpts`. For finance people. */
    listUnapplied: FunctionReference<"query", "public", { demoUserId?: string | null }, Array<UnappliedReceipt>>;
    /** Say that the M-Pesa message with this code pays the referral. M-Pesa has the last word. */
    typeCode: FunctionReference<"mutation", "public", { referralId: string; code: string; demoUserId?: string | null }, TypedCode>;
  };
  referralPayments: {
    /** Send a new prompt to the stored phone after one that failed; refused while one is under way. */
    retrySTKPush: FunctionReference<"mutation", "public", { referralId: string; reason?: string | null; demoUserId?: string | null }, PromptAnswer>;
    /** Send the M-Pesa prompt for the referral's fee to this phone. `amount` (shillings) may be left out; it must be what is open. Joins a prompt that is under way. `reason` is needed after a prompt that nobody could explain. While the account is on hold the answer comes at once, with the status "held" and how to pay by hand (`paybill`). */
    triggerReferralPayment: FunctionReference<"mutation", "public", { referralId: string; phoneNumber: string; amount?: number | null; reason?: string | null; demoUserId?: string | null }, PromptAnswer>;
  };
  referrals: {
    /** How many referrals the caller sees in each status: all, or those to or from their facilities. */
    countByStatus: FunctionReference<"query", "public", { box?: "incoming" | "outgoing" | null; demoUserId?: string | null }, Counts>;
    /** Refer a patient. Facilities are given by name or id; the referring one and the physician default to the caller's own. Answers the referral's id. */
    createReferral: FunctionReference<"mutation", "public", { patientName: string; medicalHistory: string; labResults: string | Array<any>; diagnosis: string; receivingFacility: string; priority: "Routine" | "Urgent" | "Emergency"; patientId?: string | null; referringHospital?: string | null; physicianId?: string | null; demoUserId?: string | null }, string>;
    /** Completed referrals, newest first. */
    getCompletedReferrals: FunctionReference<"query", "public", { demoUserId?: string | null }, Array<Referral>>;
    /** Referrals to the caller's facilities, newest first. */
    getIncomingReferrals: FunctionReference<"query", "public", { demoUserId?: string | null }, Array<Referral>>;
    /** Referrals from the caller's facilities, newest first. */
    getOutgoingReferrals: FunctionReference<"query", "public", { demoUserId?: string | null }, Array<Referral>>;
    /** Referrals that wait for an administrator's approval, newest first. */
    getPendingReferrals: FunctionReference<"query", "public", { demoUserId?: string | null }, Array<Referral>>;
    /** One referral with its payment and what the caller may do with it; null if there is none to see. While something is open, `payment.paybill` says how to pay it by hand; `payment.held`: no prompts are sent at the moment. The `secondsLeft` of a prompt go down in steps of 10 (on hold, of 60). */
    getReferral: FunctionReference<"query", "public", { referralId: string; demoUserId?: string | null }, Referral | null>;
    /** One referral by the token of the patient's link; null if there is none to see. */
    getReferralByToken: FunctionReference<"query", "public", { referralToken: string; demoUserId?: string | null }, Referral | null>;
    /** Referrals of one physician (of the caller, if none is named), newest first. */
    getReferralsByPhysician: FunctionReference<"query", "public", { physicianId?: string | null; demoUserId?: string | null }, Array<Referral>>;
    /** Referrals of one status, newest first. */
    getReferralsByStatus: FunctionReference<"query", "public", { status: "pending-admin" | "awaiting-biodata" | "pending-payment" | "paid" | "confirmed" | "completed" | "rejected" | "cancelled"; demoUserId?: string | null }, Array<Referral>>;
    /** Save the particulars; from awaiting-biodata the referral moves on to pending-payment. Where the receiving facility has clinics, `bookedDate` and `bookedTime` take that slot (`bookings:createBooking`), and are refused where there is none; else they are kept as they are. Answers the referral. */
    saveBiodata: FunctionReference<"mutation", "public", { referralId: string; patientPhone: string; stkPhoneNumber: string; patientEmail?: string | null; patientDateOfBirth?: string | null; patientNationalId?: string | null; bookedDate?: string | null; bookedTime?: string | null; demoUserId?: string | null }, Referral>;
    /** Store the patient's and the payer's phone. Nothing is sent. Answers the referral. */
    updatePhoneNumbers: FunctionReference<"mutation", "public", { referralId: string; patientPhone: string; stkPhoneNumber: string; demoUserId?: string | null }, Referral>;
    /** One lawful move; the same status again is no error. Rejecting and cancelling need a reason; completing takes the outcome as reason. Into pending-payment with a known phone the prompt is sent. Answers the referral. */
    updateReferralStatus: FunctionReference<"mutation", "public", { referralId: string; status: "pending-admin" | "awaiting-biodata" | "pending-payment" | "paid" | "confirmed" | "completed" | "rejected" | "cancelled"; stkPhoneNumber?: string | null; reason?: string | null; demoUserId?: string | null }, Referral>;
  };
  refunds: {
    /** The second of two people: the money is ordered back. */
    approve: FunctionReference<"mutation", "public", { refundId: string; demoUserId?: string | null }, RefundAnswer>;
    /** What M-Pesa does not tell, as a person saw it in the statement: the money went back, or it did not. That it went can be said, too, of what was not ordered, or failed: the M-Pesa portal gave it back. */
    conclude: FunctionReference<"mutation", "public", { refundId: string; went: boolean; reason: string; receiptNumber?: string | null; demoUserId?: string | null }, RefundAnswer>;
    /** Refunds of this person's facilities, newest first; at most 200 without `paginationOpts`. */
    listUnderWay: FunctionReference<"query", "public", { demoUserId?: string | null }, Array<Refund>>;
    /** The first of two people. With `accountCode` it is what paid a cancelled referral, else money that waits. */
    propose: FunctionReference<"mutation", "public", { receiptId: string; reason: string; amount?: number | null; phoneNumber?: string | null; accountCode?: string | null; demoUserId?: string | null }, RefundAnswer>;
    /** Before M-Pesa took an order of it: the money waits again. */
    withdraw: FunctionReference<"mutation", "public", { refundId: string; reason: string; demoUserId?: string | null }, RefundAnswer>;
  };
  tasks: {
    /** Say what came of a contradiction, a stray, a claim, a fee that nothing was given for, a refund that did not go, or a prompt that M-Pesa is not asked about any more, which somebody looked into. False: there is no such task. */
    close: FunctionReference<"mutation", "public", { taskId: string; outcome: string; demoUserId?: string | null }, boolean>;
    /** How many tasks about this person's money are open, by kind. For finance people. */
    countOpen: FunctionReference<"query", "public", { demoUserId?: string | null }, Counts>;
    /** Open tasks about this person's money, oldest first; at most 200 without `paginationOpts`. `kind` and `referralId` list those of a kind, or about a referral's fee. For finance people. */
    listOpen: FunctionReference<"query", "public", { kind?: "unapplied" | "review" | "contradiction" | "refund" | "stray" | "claim" | "unread" | "unserved" | null; referralId?: string | null; demoUserId?: string | null }, Array<Task>>;
  };
};

/** Lists in pages, for `usePaginatedQuery`. */
export declare const paginated: {
  facilities: {
    /** Facilities that the caller may refer to, by name, with what a referral to each costs. `search` is a part of the name. `referringHospital`, by name or id, says from where: who may create referrals in several facilities is told no prices without it. Empty for who may create none. */
    list: FunctionReference<"query", "public", { search?: string | null; referringHospital?: string | null; paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Destination>>;
  };
  prices: {
    /** Prices of referrals from facilities that the caller administers, and of those that pay a facility whose finance they do, in the order in which they were first set. The one for a receiving facility wins over the one for any. */
    list: FunctionReference<"query", "public", { paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Price>>;
  };
  receipts: {
    /** Receipts of which something waits, oldest first, with the account code that is proposed; at most 200 without `paginationOpts`. For finance people. */
    listUnapplied: FunctionReference<"query", "public", { paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<UnappliedReceipt>>;
  };
  referrals: {
    /** Completed referrals, newest first. */
    getCompletedReferrals: FunctionReference<"query", "public", { paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Referral>>;
    /** Referrals to the caller's facilities, newest first. */
    getIncomingReferrals: FunctionReference<"query", "public", { paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Referral>>;
    /** Referrals from the caller's facilities, newest first. */
    getOutgoingReferrals: FunctionReference<"query", "public", { paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Referral>>;
    /** Referrals that wait for an administrator's approval, newest first. */
    getPendingReferrals: FunctionReference<"query", "public", { paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Referral>>;
    /** Referrals of one physician (of the caller, if none is named), newest first. */
    getReferralsByPhysician: FunctionReference<"query", "public", { physicianId?: string | null; paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Referral>>;
    /** Referrals of one status, newest first. */
    getReferralsByStatus: FunctionReference<"query", "public", { status: "pending-admin" | "awaiting-biodata" | "pending-payment" | "paid" | "confirmed" | "completed" | "rejected" | "cancelled"; paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Referral>>;
  };
  refunds: {
    /** Refunds of this person's facilities, newest first; at most 200 without `paginationOpts`. */
    listUnderWay: FunctionReference<"query", "public", { paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Refund>>;
  };
  tasks: {
    /** Open tasks about this person's money, oldest first; at most 200 without `paginationOpts`. `kind` and `referralId` list those of a kind, or about a referral's fee. For finance people. */
    listOpen: FunctionReference<"query", "public", { kind?: "unapplied" | "review" | "contradiction" | "refund" | "stray" | "claim" | "unread" | "unserved" | null; referralId?: string | null; paginationOpts: PaginationOptions; demoUserId?: string | null }, PaginationResult<Task>>;
  };
};

/** What can be called as an action besides, for `useAction`. */
export declare const actions: {
  mpesa: {
    /** Send the M-Pesa prompt for the referral's fee to this phone, as referralPayments:triggerReferralPayment does. */
    initiateSTKPush: FunctionReference<"action", "public", { phoneNumber: string; referralId: string; amount?: number | null; patientName?: string | null; reason?: string | null; demoUserId?: string | null }, PromptAnswer>;
  };
};

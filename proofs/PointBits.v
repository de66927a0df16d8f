(* No overflow: the executable point of Point.v, run on Flocq's numbers, is finite and is what Mixture.v computes over the reals.

   The domain, with big = 2^(emax - 1), half the format's range, and numbers zeta, P, G, Q, O with
     |a mu| + |x| <= zeta, 1/v <= P, |gain| <= G, |shifted| and |origin| <= Q, |offset| and |reference| <= O:
     16 (32 d zeta^2 P + O + 1) <= big                      the squares, the distances, the logits;
     4096 (b + 1) N (P zeta + G zeta + Q + 1) <= big        the sums and their quotients;
   moderate numbers of terms (d nu, N nu, b step_cost at most 1/2), and the total known to half of itself.
     score_finite, denoiser_finite, responsibility_finite, log_density_finite: finite, and the real numbers of Mixture.v. *)
Require Import ZArith Reals Lra Lia.
From Flocq Require Import Core BinarySingleNaN.
From Tweedie Require Import Sums Near Softmax Logits Mixture Arithmetic Coefficients Kernels Refinement Formats Point PointSteps.
Open Scope R_scope.

Section Bits.
Variable f : format.
Notation prec := (precision f).
Notation emax := (largest f).
Context { Hp : Prec_gt_0 prec } { He : Prec_lt_emax prec emax }.
Notation emin := (3 - emax - prec)%Z.
Notation fexp := (FLT_exp emin prec).
Notation rnd := (round radix2 fexp ZnearestE).
Notation form := (generic_format radix2 fexp).
Notation A := (ieee f).
Notation float := (binary_float prec emax).
Notation rep := (rep f).
Notation u := (unit_roundoff f).
Notation eta := (half_tiny f).
Notation nu := (Near.nu u).
Notation big := (bpow radix2 (emax - 1)).

Hypothesis deep : (emin <= -1)%Z.
Hypothesis eta_small : eta <= / 2.
Variable C : table (number A).
Variable E : R -> R.
Variables e tau : R.
Hypothesis e_pos : 0 <= e.
Hypothesis tau_pos : 0 <= tau.
Hypothesis exp_off : forall x, form x -> x <= 0 -> off e tau (E x) (Rtrigo_def.exp x).
Hypothesis exp_is : forall c, is_finite c = true -> B2R c <= 0 -> rep (Kernels.exp A C c) (E (B2R c)).
Hypothesis weights_small : Rtrigo_def.exp (e + tau) <= 2.
Hypothesis nu_small : nu <= / 4.

Let rep_div := PointSteps.rep_div f.
Let rep_larger := PointSteps.rep_larger f.
Let rep_largest_of := PointSteps.rep_largest_of f.
Let nu_exp := PointSteps.nu_exp f nu_small.
Let rounded_size := PointSteps.rounded_size f.
Let rounded_twice := PointSteps.rounded_twice f eta_small nu_small.
Notation chain_room := (PointSteps.chain_room f).
Let chain_room_4 := PointSteps.chain_room_4 f eta_small.
Let rep_chain_fma := PointSteps.rep_chain_fma f nu_small.
Let rep_chain_add := PointSteps.rep_chain_add f nu_small.

Lemma exp_size x : form x -> x <= 0 -> Rabs (E x) <= 2.
Proof.
  intros F H. destruct (exp_off x F H) as [th [w [Ht [Hw ->]]]]. apply Rle_trans with (2 := weights_small).
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite <- exp_plus, Rabs_pos_eq by (left; apply exp_pos). rewrite (exp_plus e tau).
  apply Rabs_le_inv in Ht. assert (Rtrigo_def.exp (x + th) <= Rtrigo_def.exp e) by (apply exp_le; lra).
  assert (G := exp_ge_1 e e_pos). assert (T := exp_ineq1_le tau).
  assert (1 * tau <= Rtrigo_def.exp e * tau) by (apply Rmult_le_compat_r; lra).
  assert (Rtrigo_def.exp e * (1 + tau) <= Rtrigo_def.exp e * Rtrigo_def.exp tau) by (apply Rmult_le_compat_l; lra). lra.
Qed.
(* A weight: the exponential of a rounded difference that is not positive. *)
Lemma rep_exp (x y : float) X Y : rep x X -> rep y Y -> X <= Y -> Rabs (X - Y) <= big ->
  rep (Kernels.exp A C (sub A x y)) (E (rnd (X - Y))) /\ Rabs (E (rnd (X - Y))) <= 2.
Proof.
  intros Hx Hy H B. assert (D := rep_sub f _ _ _ _ Hx Hy B).
  assert (N : rnd (X - Y) <= 0).
  { apply round_le_generic; auto with typeclass_instances. apply generic_format_0. lra. }
  split.
  - destruct D as [Fd Ed]. rewrite <- Ed. apply exp_is. assumption. now rewrite Ed.
  - apply exp_size; [|assumption]. apply generic_format_round; auto with typeclass_instances.
Qed.

Variable size : nat -> nat.
Variables N b d : nat.
Hypothesis sizes : forall i, (0 < size i <= N)%nat.
Variables xf originf : nat -> float.
Variables af referencef : float.
Variables meanf shiftedf : nat -> nat -> nat -> float.
Variables offsetf precisionf gainf : nat -> nat -> float.
(* The same numbers. *)
Notation xh k := (B2R (xf k)).
Notation ah := (B2R af).
Notation muh i j k := (B2R (meanf i j k)).
Notation p i j := (B2R (precisionf i j)).
Notation o i j := (B2R (offsetf i j)).
Hypothesis finite : is_finite af = true /\ is_finite referencef = true
  /\ (forall k, is_finite (xf k) = true /\ is_finite (originf k) = true)
  /\ forall i j, is_finite (offsetf i j) = true /\ is_finite (precisionf i j) = true /\ is_finite (gainf i j) = true
     /\ forall k, is_finite (meanf i j k) = true /\ is_finite (shiftedf i j k) = true.

Variables zeta P G Q O : R.
Hypothesis at_least : 1 <= zeta /\ 1 <= P /\ 0 <= G /\ 0 <= Q /\ 0 <= O.
Hypothesis in_reach : forall i j k, Rabs (ah * muh i j k) + Rabs (xh k) <= zeta.
Hypothesis precision_range : forall i j, Rabs (p i j) <= P.
Hypothesis offset_range : forall i j, Rabs (o i j) <= O.
Hypothesis gain_range : forall i j, Rabs (B2R (gainf i j)) <= G.
Hypothesis shifted_range : forall i j k, Rabs (B2R (shiftedf i j k)) <= Q.
Hypothesis origin_range : forall k, Rabs (B2R (originf k)) <= Q.
Hypothesis reference_range : Rabs (B2R referencef) <= O.
Hypothesis dimension : (0 < d)%nat /\ INR d * nu <= / 2.
Hypothesis components : INR N * nu <= / 2 /\ INR b * step_cost u e tau <= / 2.
Definition span : R := 32 * INR d * (zeta * zeta) * P + O + 1.
Hypothesis squares_fit : 16 * span <= big.
Definition term_size : R := 8 * (P * zeta + G * zeta + Q + 1).
Hypothesis sums_fit : 512 * ((INR b + 1) * INR N * term_size) <= big.

Notation zr := (Mixture.zh rnd (fun k => xh k) ah (fun i j k => muh i j k)).
Notation lr := (Mixture.l rnd d (fun k => xh k) ah (fun i j k => muh i j k) (fun i j => p i j) (fun i j => o i j)).
Notation mr := (Mixture.m rnd size d (fun k => xh k) ah (fun i j k => muh i j k) (fun i j => p i j) (fun i j => o i j)).
Notation dif := (Point.difference A af xf meanf).
Notation logitf := (Point.logit A d af xf meanf offsetf precisionf).

Lemma big_large : 8 <= big.
Proof.
  destruct at_least as [Z1 [P1 _]]. destruct dimension as [D1 _]. apply le_INR in D1. simpl in D1.
  assert (0 <= 32 * INR d * (zeta * zeta) * P) by (repeat apply Rmult_le_pos; lra). unfold span in squares_fit. lra.
Qed.
Lemma rep_of c : is_finite c = true -> rep c (B2R c).
Proof. intros H. now split. Qed.

Lemma difference_is i j k : rep (dif i j k) (zr i j k) /\ Rabs (zr i j k) <= 2 * zeta.
Proof.
  destruct finite as [Fa [_ [Fx Ft]]]. destruct at_least as [Z1 [P1 _]].
  assert (B : Rabs (- ah * muh i j k + xh k) <= zeta).
  { apply Rle_trans with (2 := in_reach i j k). apply Rle_trans with (1 := Rabs_triang _ _).
    replace (- ah * muh i j k) with (- (ah * muh i j k)) by ring. rewrite Rabs_Ropp. lra. }
  split. 2: now apply rounded_twice. unfold Mixture.zh, Logits.difference.
  apply (rep_fma f). apply rep_neg, rep_of, Fa. apply rep_of. now apply Ft. apply rep_of. now apply Fx.
  apply Rle_trans with (1 := B). unfold span in squares_fit. destruct dimension as [D1 _]. apply le_INR in D1. simpl in D1.
  destruct at_least as [_ [_ [_ [_ O1]]]].
  assert (zeta <= INR d * (zeta * zeta) * P).
  { assert (1 * zeta <= zeta * zeta) by (apply Rmult_le_compat_r; lra).
    assert (1 * (zeta * zeta) <= INR d * (zeta * zeta)) by (apply Rmult_le_compat_r; lra).
    assert (INR d * (zeta * zeta) * 1 <= INR d * (zeta * zeta) * P) by (apply Rmult_le_compat_l; lra). lra. }
  lra.
Qed.

Lemma logit_is i j : rep (logitf i j) (lr i j) /\ Rabs (lr i j) <= 2 * span.
Proof.
  destruct finite as [_ [_ [_ Ft]]]. destruct at_least as [Z1 [P1 [_ [_ O1]]]]. destruct dimension as [D1 Dn]. apply le_INR in D1. simpl in D1.
  destruct (Ft i j) as [Fo [Fp _]].
  assert (ZZ : 1 <= zeta * zeta).
  { assert (1 * zeta <= zeta * zeta) by (apply Rmult_le_compat_r; lra). lra. }
  assert (R4 := chain_room_4 d (4 * (zeta * zeta)) ltac:(lra) Dn).
  assert (DZ : 1 <= INR d * (zeta * zeta)).
  { assert (1 * (zeta * zeta) <= INR d * (zeta * zeta)) by (apply Rmult_le_compat_r; lra). lra. }
  assert (DP : INR d * (zeta * zeta) * 1 <= INR d * (zeta * zeta) * P) by (apply Rmult_le_compat_l; lra).
  unfold span in squares_fit.
  destruct (rep_chain_fma (dif i j) (dif i j) (zr i j) (zr i j) (4 * (zeta * zeta)) d) as [RS BS].
  - lra.
  - lra.
  - intros k _. destruct (difference_is i j k) as [Rz Bz]. split; [exact Rz|split; [exact Rz|]]. rewrite Rabs_mult.
    replace (4 * (zeta * zeta)) with ((2 * zeta) * (2 * zeta)) by ring. apply Rmult_le_compat; auto using Rabs_pos.
  - set (S := chain rnd (fun k => zr i j k * zr i j k) d) in *.
    assert (BSP : Rabs (S * p i j) <= 16 * INR d * (zeta * zeta) * P).
    { rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos. lra. }
    assert (RD : rep (mul A (chain_fma A (dif i j) (dif i j) d) (precisionf i j)) (rnd (S * p i j))).
    { apply (rep_mul f). exact RS. now apply rep_of. lra. }
    assert (BD : Rabs (rnd (S * p i j)) <= 2 * (16 * INR d * (zeta * zeta) * P)) by (apply rounded_twice; lra).
    assert (BL : Rabs (- / 2 * rnd (S * p i j) + o i j) <= span).
    { apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult, Rabs_Ropp, (Rabs_pos_eq (/ 2)) by lra. generalize (offset_range i j). unfold span. lra. }
    split. 2: { apply rounded_twice. exact BL. unfold span. lra. }
    unfold Mixture.l, Logits.logit. apply (rep_fma f). apply rep_neg.
    + replace (/ 2) with (IZR 1 * bpow radix2 (-1)) by (simpl; lra). apply rep_make.
      * red in Hp. change (Z.abs 1) with (Zpower radix2 0). apply Zpower_lt. lia. lia.
      * exact deep.
      * change (bpow radix2 (-1)) with (/ 2). rewrite Rabs_pos_eq by lra. generalize big_large. lra.
    + exact RD.
    + now apply rep_of.
    + refine (Rle_trans _ _ _ BL _). unfold span. lra.
Qed.

Lemma top_size (g : nat -> R) n v : (0 < n)%nat -> (forall j, (j < n)%nat -> Rabs (g j) <= v) -> Rabs (top g n) <= v.
Proof. intros Hn H. destruct (top_is g n Hn) as [[j [Hj ->]] _]. now apply H. Qed.
Notation mf := (Point.block_largest A size d af xf meanf offsetf precisionf).
Notation Mf := (Point.overall A size d af xf meanf offsetf precisionf).
Notation Mr := (Softmax.largest mr).
Lemma m_is i : rep (mf i) (mr i) /\ Rabs (mr i) <= 2 * span.
Proof.
  split. apply rep_largest_of. apply sizes. intros; apply logit_is. apply top_size. apply sizes. intros; apply logit_is.
Qed.
Lemma M_is c : rep (Mf c) (Mr c) /\ Rabs (Mr c) <= 2 * span.
Proof.
  induction c as [|c [IR IB]]. apply m_is. destruct (m_is (S c)) as [R1 B1]. cbn [overall Softmax.largest]. split.
  - now apply rep_larger.
  - destruct (Rle_dec (Mr c) (mr (S c))). now rewrite Rmax_right. rewrite Rmax_left; lra.
Qed.
Lemma l_below i j : (j < size i)%nat -> lr i j <= mr i.
Proof. intros Hj. apply top_is. apply sizes. assumption. Qed.
Lemma m_below c i : (i <= c)%nat -> mr i <= Mr c.
Proof.
  induction c as [|c IH]; intros H. replace i with 0%nat by lia. apply Rle_refl. cbn [Softmax.largest].
  destruct (Nat.eq_dec i (S c)) as [->|Hne]. apply Rmax_r. apply Rle_trans with (2 := Rmax_l _ _). apply IH. lia.
Qed.
Lemma apart v w : Rabs v <= 2 * span -> Rabs w <= 2 * span -> Rabs (v - w) <= big.
Proof. intros Hv Hw. unfold Rminus. apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_Ropp. generalize (Rabs_pos v). lra. Qed.
Notation wf := (Point.weight A C size d af xf meanf offsetf precisionf).
Notation wr := (Softmax.weight rnd E lr mr).
Lemma weight_is i j : (j < size i)%nat -> rep (wf i j) (wr i j) /\ Rabs (wr i j) <= 2.
Proof.
  intros Hj. destruct (logit_is i j) as [Rl Bl]. destruct (m_is i) as [Rm Bm]. apply rep_exp; auto. now apply l_below. now apply apart.
Qed.

(* A sum over blocks whose parts are finite and at most v. *)
Lemma combined_is (part : nat -> float) (term : nat -> nat -> R) v : 0 <= v ->
  (forall i, (i <= b)%nat -> rep (part i) (sum_of rnd size term i) /\ Rabs (sum_of rnd size term i) <= v) ->
  4 * ((INR b + 1) * (v + 1)) <= big ->
  forall c, (c <= b)%nat -> rep (Point.combined A C size d af xf meanf offsetf precisionf part c) (Softmax.combined rnd E size mr term c)
    /\ Rabs (Softmax.combined rnd E size mr term c) <= (INR c + 1) * (v + 1) * Rtrigo_def.exp (INR c * step_cost u e tau).
Proof.
  intros Hv Hpart Hfit. assert (Ep := half_tiny_pos f). assert (Np := nu_pos u (unit_range f)).
  assert (Sp : 0 <= step_cost u e tau) by (unfold step_cost; lra). destruct components as [_ Hb]. assert (Pb := pos_INR b).
  induction c as [|c IH]; intros Hc.
  - destruct (Hpart 0%nat ltac:(lia)) as [R0 B0]. split. exact R0. simpl. rewrite Rmult_0_l, exp_0. simpl in B0 |- *. lra.
  - destruct IH as [IR IB]. lia. destruct (Hpart (S c) ltac:(lia)) as [RY BY].
    destruct (M_is c) as [RM BM]. destruct (M_is (S c)) as [RM' BM']. destruct (m_is (S c)) as [Rm Bm].
    assert (Mo : Mr c <= Mr (S c)) by (cbn [Softmax.largest]; apply Rmax_l).
    assert (Mn : mr (S c) <= Mr (S c)) by (cbn [Softmax.largest]; apply Rmax_r).
    destruct (rep_exp _ _ _ _ RM RM' Mo ltac:(now apply apart)) as [Ro _]. destruct (rep_exp _ _ _ _ Rm RM' Mn ltac:(now apply apart)) as [Rn _].
    assert (Size : forall V W, form V -> form W -> V <= W -> Rabs (E (rnd (V - W))) <= Rtrigo_def.exp (e + tau)).
    { intros V W FV FW H. destruct (weight_off rnd form u e tau (unit_range f) (rounding_sum f) (format_opp f) (format_rnd f) E exp_off V W FV FW H)
        as [th [w [Ht [Hw ->]]]].
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite <- exp_plus, Rabs_pos_eq by (left; apply exp_pos).
      rewrite (Rabs_left1 (V - W)) in Ht by lra. apply Rabs_le_inv in Ht. destruct (unit_range f) as [U0 U1].
      assert (u * - (V - W) <= 1 * - (V - W)) by (apply Rmult_le_compat_r; lra).
      assert (Rtrigo_def.exp (V - W + th) <= Rtrigo_def.exp e) by (apply exp_le; lra).
      assert (Ge := exp_ge_1 e e_pos). assert (T := exp_ineq1_le tau). rewrite (exp_plus e tau).
      assert (1 * tau <= Rtrigo_def.exp e * tau) by (apply Rmult_le_compat_r; lra).
      assert (Rtrigo_def.exp e * (1 + tau) <= Rtrigo_def.exp e * Rtrigo_def.exp tau) by (apply Rmult_le_compat_l; lra). lra. }
    assert (So := Size _ _ (rep_format f _ _ RM) (rep_format f _ _ RM') Mo). assert (Sn := Size _ _ (rep_format f _ _ Rm) (rep_format f _ _ RM') Mn).
    cbn [Point.combined Softmax.combined]. set (old := E (rnd (Mr c - Mr (S c)))) in *. set (new := E (rnd (mr (S c) - Mr (S c)))) in *.
    set (X := Softmax.combined rnd E size mr term c) in *. set (Y := sum_of rnd size term (S c)) in *.
    set (g := Rtrigo_def.exp (e + tau)) in *. assert (Gp : 0 <= g) by (left; apply exp_pos).
    assert (Nu := nu_exp). assert (Pc := pos_INR c).
    set (h := Rtrigo_def.exp (INR c * step_cost u e tau)) in *.
    assert (H1 : 1 <= h) by (apply exp_ge_1, Rmult_le_pos; assumption).
    assert (Hstep : Rtrigo_def.exp (INR (S c) * step_cost u e tau) = h * g * Rtrigo_def.exp nu * Rtrigo_def.exp nu).
    { rewrite S_INR. unfold h, g. rewrite <- !exp_plus. f_equal. unfold step_cost. ring. }
    assert (G1 : 1 <= g) by (apply exp_ge_1; lra).
    set (n := Rtrigo_def.exp nu) in *.
    assert (Le : Rtrigo_def.exp (INR (S c) * step_cost u e tau) <= 2).
    { apply half_exp. apply Rle_trans with (2 := Hb). apply Rmult_le_compat_r. assumption. apply le_INR. lia. }
    assert (BYn : Rabs (Y * new) <= v * g) by (rewrite Rabs_mult; apply Rmult_le_compat; auto using Rabs_pos).
    assert (BXo : Rabs (X * old) <= (INR c + 1) * (v + 1) * h * g) by (rewrite Rabs_mult; apply Rmult_le_compat; auto using Rabs_pos).
    assert (V1 : (v + 1) * 1 <= (v + 1) * (INR b + 1)) by (apply Rmult_le_compat_l; lra).
    assert (G2 : v * g <= v * 2) by (apply Rmult_le_compat_l; assumption).
    assert (RP : rep (mul A (part (S c)) (Kernels.exp A C (sub A (mf (S c)) (Mf (S c))))) (rnd (Y * new))).
    { apply (rep_mul f); try assumption. lra. }
    assert (BP : Rabs (rnd (Y * new)) <= (v * g + eta) * n).
    { apply Rle_trans with (1 := rounded_size _). apply Rmult_le_compat_r; lra. }
    (* The sum before its rounding, with what the rounding may add. *)
    assert (K0 : 0 <= (INR c + 1) * (v + 1)) by (apply Rmult_le_pos; lra).
    assert (hg : 1 <= h * g) by (replace 1 with (1 * 1) by ring; apply Rmult_le_compat; lra).
    assert (hgn : h * g * 1 <= h * g * n) by (apply Rmult_le_compat_l; lra).
    assert (T1 : (INR c + 1) * (v + 1) * (h * g) <= (INR c + 1) * (v + 1) * (h * g * n)) by (apply Rmult_le_compat_l; lra).
    assert (T2 : (v * g + eta) * n <= (v + eta) * (h * g * n)).
    { assert (v * (1 * g) <= v * (h * g)) by (apply Rmult_le_compat_l; [assumption|apply Rmult_le_compat_r; lra]).
      assert (eta * 1 <= eta * (h * g)) by (apply Rmult_le_compat_l; lra).
      replace ((v + eta) * (h * g * n)) with ((v * (h * g) + eta * (h * g)) * n) by ring. apply Rmult_le_compat_r; lra. }
    assert (T3 : eta * 1 <= eta * (h * g * n)) by (apply Rmult_le_compat_l; lra).
    assert (Pre : Rabs (X * old + rnd (Y * new)) + eta <= (INR (S c) + 1) * (v + 1) * (h * g * n)).
    { rewrite S_INR. replace ((INR c + 1 + 1) * (v + 1) * (h * g * n))
        with ((INR c + 1) * (v + 1) * (h * g * n) + (v + eta) * (h * g * n) + (1 - eta) * (h * g * n)) by ring.
      assert (eta * (h * g * n) <= (1 - eta) * (h * g * n)) by (apply Rmult_le_compat_r; lra).
      apply Rle_trans with (Rabs (X * old) + Rabs (rnd (Y * new)) + eta). generalize (Rabs_triang (X * old) (rnd (Y * new))). lra. lra. }
    assert (Room : (INR (S c) + 1) * (v + 1) * (h * g * n) <= big).
    { assert (hn2 : h * g * n <= 2). { assert (h * g * n * 1 <= h * g * n * n) by (apply Rmult_le_compat_l; lra). lra. }
      assert (Sc : INR (S c) <= INR b) by (apply le_INR; lia).
      assert (P0 : 0 <= (INR (S c) + 1) * (v + 1)) by (apply Rmult_le_pos; [generalize (pos_INR (S c))|]; lra).
      assert ((INR (S c) + 1) * (v + 1) * (h * g * n) <= (INR (S c) + 1) * (v + 1) * 2) by (apply Rmult_le_compat_l; assumption).
      assert ((INR (S c) + 1) * (v + 1) <= (INR b + 1) * (v + 1)) by (apply Rmult_le_compat_r; lra). lra. }
    split.
    + apply (rep_fma f); try assumption. lra.
    + apply Rle_trans with (1 := rounded_size _). rewrite Hstep.
      replace ((INR (S c) + 1) * (v + 1) * (h * g * n * n)) with ((INR (S c) + 1) * (v + 1) * (h * g * n) * n) by ring.
      apply Rmult_le_compat_r; lra.
Qed.

(* The sums. *)
Notation v := (4 * INR N * term_size).
Notation S4 := (4 * ((INR b + 1) * (v + 1))).
Lemma term_size_large : 8 <= term_size /\ 1 <= INR N /\ 8 * P * zeta <= term_size /\ 8 * G * zeta + 4 * Q + 4 <= term_size.
Proof.
  destruct at_least as [Z1 [P1 [G1 [Q1 O1]]]]. assert (0 <= P * zeta) by (apply Rmult_le_pos; lra). assert (0 <= G * zeta) by (apply Rmult_le_pos; lra).
  assert (N1 : 1 <= INR N). { apply (le_INR 1). generalize (sizes 0%nat). lia. } unfold term_size. lra.
Qed.
Lemma sums_room : 16 * S4 <= big /\ 8 <= S4.
Proof.
  destruct term_size_large as [T8 [N1 _]]. assert (Pb := pos_INR b).
  assert (NT : 8 <= INR N * term_size). { apply Rle_trans with (1 * 8). lra. apply Rmult_le_compat; lra. }
  assert (BNT : 1 * (INR N * term_size) <= (INR b + 1) * (INR N * term_size)) by (apply Rmult_le_compat_r; lra).
  assert (E1 : (INR b + 1) * (v + 1) = 4 * ((INR b + 1) * INR N * term_size) + (INR b + 1)) by ring.
  assert (B1 : (INR b + 1) * 8 <= (INR b + 1) * (INR N * term_size)) by (apply Rmult_le_compat_l; lra).
  rewrite E1. lra.
Qed.
Lemma part_room i t : 1 <= t -> t <= term_size -> chain_room (size i) t <= v /\ chain_room (size i) t <= big.
Proof.
  intros H1 Ht. destruct components as [Hn _]. assert (Np := nu_pos u (unit_range f)).
  assert (SN : INR (size i) <= INR N) by (apply le_INR, sizes). assert (P0 := pos_INR (size i)).
  assert (K : INR (size i) * nu <= / 2) by (apply Rle_trans with (2 := Hn); apply Rmult_le_compat_r; assumption).
  assert (R := chain_room_4 (size i) t H1 K).
  assert (INR (size i) * t <= INR N * term_size) by (apply Rmult_le_compat; lra). destruct sums_room as [S1 S2].
  assert (Pb := pos_INR b). assert (V : 1 * (v + 1) <= (INR b + 1) * (v + 1)).
  { apply Rmult_le_compat_r; [|lra]. destruct term_size_large as [T8 [N1 _]]. assert (0 <= INR N * term_size) by (apply Rmult_le_pos; lra). lra. }
  lra.
Qed.
Lemma v_pos : 0 <= v.
Proof. destruct term_size_large as [T8 [N1 _]]. assert (0 <= INR N * term_size) by (apply Rmult_le_pos; lra). lra. Qed.
Lemma sum_is (part : nat -> float) (term : nat -> nat -> R) :
  (forall i, rep (part i) (sum_of rnd size term i) /\ Rabs (sum_of rnd size term i) <= v) ->
  rep (Point.combined A C size d af xf meanf offsetf precisionf part b) (Softmax.combined rnd E size mr term b)
  /\ 2 * Rabs (Softmax.combined rnd E size mr term b) <= S4.
Proof.
  intros H. destruct (combined_is part term v v_pos ltac:(intros; apply H)) with (c := b) as [R B].
  generalize sums_room. lra. lia. split. exact R. destruct components as [_ Hb]. assert (X := half_exp _ Hb).
  assert (0 <= (INR b + 1) * (v + 1)) by (apply Rmult_le_pos; [generalize (pos_INR b)|generalize v_pos]; lra).
  assert ((INR b + 1) * (v + 1) * Rtrigo_def.exp (INR b * step_cost u e tau) <= (INR b + 1) * (v + 1) * 2) by (apply Rmult_le_compat_l; assumption). lra.
Qed.

Notation totalf := (Point.total A C size b d af xf meanf offsetf precisionf).
Notation totalr := (Softmax.total rnd E size lr mr b).
Hypothesis total_known : Softmax.Phi u eta e tau size lr mr N b <= / 2.
Lemma phi_known : Softmax.Phi u eta e tau size lr mr N b < 1.
Proof. lra. Qed.
Lemma lr_format i j : form (lr i j).
Proof. apply generic_format_round; auto with typeclass_instances. Qed.
Lemma mr_largest i : (exists j, (j < size i)%nat /\ mr i = lr i j) /\ forall j, (j < size i)%nat -> lr i j <= mr i.
Proof. apply top_is. apply sizes. Qed.
Lemma size_le i : (size i <= N)%nat.
Proof. apply sizes. Qed.

Lemma total_is : rep totalf totalr /\ / 2 <= totalr /\ 2 * totalr <= S4.
Proof.
  destruct (sum_is (Point.block_total A C size d af xf meanf offsetf precisionf) wr) as [R B].
  - intros i. destruct term_size_large as [T8 _]. destruct (part_room i 2 ltac:(lra) ltac:(lra)) as [R1 R2].
    destruct (rep_chain_add (wf i) (wr i) 2 (size i)) as [Rc Bc]; [lra|exact R2|intros j Hj; now apply weight_is|].
    split. exact Rc. apply Rle_trans with (1 := Bc). exact R1.
  - split. exact R. change (Softmax.combined rnd E size mr wr b) with totalr in B.
    assert (Te := total_error rnd form u eta e tau (unit_range f) (half_tiny_pos f) e_pos tau_pos (rounding f) (rounding_sum f) (format_opp f)
      (format_rnd f) E exp_off size lr mr N size_le lr_format mr_largest b). apply Rabs_le_inv in Te.
    assert (Ms := mass_ge_1 size lr mr mr_largest b). set (ms := mass size lr mr b) in *.
    assert (Softmax.Phi u eta e tau size lr mr N b * ms <= / 2 * ms) by (apply Rmult_le_compat_r; lra).
    split. lra. rewrite Rabs_pos_eq in B; lra.
Qed.
Lemma quotient_size X : 2 * Rabs X <= S4 -> Rabs (X / totalr) <= S4.
Proof.
  intros H. destruct total_is as [_ [T1 _]]. unfold Rdiv. rewrite Rabs_mult.
  assert (I : Rabs (/ totalr) <= 2).
  { rewrite Rabs_pos_eq by (left; apply Rinv_0_lt_compat; lra). replace 2 with (/ / 2) by lra. apply Rinv_le; lra. }
  apply Rle_trans with (Rabs X * 2). apply Rmult_le_compat_l. apply Rabs_pos. assumption. lra.
Qed.
Lemma quotient_is x X : rep x X -> 2 * Rabs X <= S4 -> rep (div A x totalf) (rnd (X / totalr)) /\ Rabs (rnd (X / totalr)) <= 2 * S4.
Proof.
  intros Rx H. destruct total_is as [Rt [T1 _]]. assert (Q1 := quotient_size X H). destruct sums_room as [S1 S2]. split.
  apply rep_div; try assumption. lra. lra. apply rounded_twice; lra.
Qed.

Theorem score_finite k : rep (Point.score A C size b d af xf meanf offsetf precisionf k)
  (Mixture.score rnd E size b d (fun k => xh k) ah (fun i j k => muh i j k) (fun i j => p i j) (fun i j => o i j) k).
Proof.
  destruct finite as [_ [_ [_ Ft]]]. destruct at_least as [Z1 [P1 _]].
  set (term := fun i j => rnd (wr i j * p i j) * zr i j k).
  destruct (sum_is (Point.block_precision A C size d af xf meanf offsetf precisionf k) term) as [R B].
  - intros i. destruct term_size_large as [T8 [_ [T1 _]]]. destruct (part_room i term_size ltac:(lra) ltac:(lra)) as [R1 R2].
    assert (PZ : 1 * P <= zeta * P) by (apply Rmult_le_compat_r; lra). assert (Bg : 2 * P <= big).
    { destruct sums_room as [S1 S2]. assert (VV := part_room i term_size ltac:(lra) ltac:(lra)).
      assert (Pb := pos_INR b). assert (N1 : 1 <= INR N) by apply term_size_large.
      assert (1 * term_size <= INR N * term_size) by (apply Rmult_le_compat_r; lra).
      assert (1 * (v + 1) <= (INR b + 1) * (v + 1)) by (apply Rmult_le_compat_r; generalize v_pos; lra). lra. }
    destruct (rep_chain_fma (fun j => mul A (wf i j) (precisionf i j)) (fun j => dif i j k) (fun j => rnd (wr i j * p i j)) (fun j => zr i j k) term_size (size i)) as [Rc Bc].
    + lra.
    + exact R2.
    + intros j Hj. destruct (weight_is i j Hj) as [Rw Bw]. destruct (difference_is i j k) as [Rz Bz]. destruct (Ft i j) as [_ [Fp _]].
      assert (BWP : Rabs (wr i j * p i j) <= 2 * P) by (rewrite Rabs_mult; apply Rmult_le_compat; auto using Rabs_pos).
      split; [|split; [exact Rz|]]. apply (rep_mul f). exact Rw. now apply rep_of. lra.
      rewrite Rabs_mult. apply Rle_trans with (2 * (2 * P) * (2 * zeta)); [|lra].
      apply Rmult_le_compat; auto using Rabs_pos. apply rounded_twice; lra.
    + split. exact Rc. apply Rle_trans with (1 := Bc). exact R1.
  - destruct (quotient_is _ _ R B) as [Rq _]. apply rep_neg. exact Rq.
Qed.

Theorem denoiser_finite k : rep (Point.denoiser A C size b d af xf originf meanf shiftedf offsetf precisionf gainf k)
  (Mixture.denoiser rnd E size b d (fun k => xh k) ah (fun i j k => muh i j k) (fun i j => p i j) (fun i j => o i j)
     (fun i j => B2R (gainf i j)) (fun i j k => B2R (shiftedf i j k)) (fun k => B2R (originf k)) k).
Proof.
  destruct finite as [_ [_ [Fx Ft]]]. destruct at_least as [Z1 [P1 [G1 [Q1 _]]]].
  set (q := fun i j => rnd (B2R (gainf i j) * zr i j k + B2R (shiftedf i j k))). set (term := fun i j => wr i j * q i j).
  destruct term_size_large as [T8 [N1 [T1 T2]]]. destruct sums_room as [S1 S2].
  assert (Big : 2 * term_size <= big).
  { assert (1 * term_size <= INR N * term_size) by (apply Rmult_le_compat_r; lra). assert (Pb := pos_INR b).
    assert (1 * (v + 1) <= (INR b + 1) * (v + 1)) by (apply Rmult_le_compat_r; generalize v_pos; lra). lra. }
  destruct (sum_is (Point.block_denoised A C size d af xf meanf shiftedf offsetf precisionf gainf k) term) as [R B].
  - intros i. destruct (part_room i term_size ltac:(lra) ltac:(lra)) as [R1 R2].
    destruct (rep_chain_fma (wf i) (fun j => Point.summand A af xf meanf shiftedf gainf k i j) (wr i) (q i) term_size (size i)) as [Rc Bc].
    + lra.
    + exact R2.
    + intros j Hj. destruct (weight_is i j Hj) as [Rw Bw]. destruct (difference_is i j k) as [Rz Bz]. destruct (Ft i j) as [_ [_ [Fg Fs]]]. destruct (Fs k) as [_ Fsk].
      assert (BG : Rabs (B2R (gainf i j) * zr i j k + B2R (shiftedf i j k)) <= 2 * G * zeta + Q).
      { apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat; [|apply shifted_range]. rewrite Rabs_mult.
        replace (2 * G * zeta) with (G * (2 * zeta)) by ring. apply Rmult_le_compat; auto using Rabs_pos. }
      assert (GZ : 0 <= G * zeta) by (apply Rmult_le_pos; lra).
      split; [exact Rw|split]. apply (rep_fma f); auto. now apply rep_of. now apply rep_of. lra.
      rewrite Rabs_mult. apply Rle_trans with (2 * (2 * (2 * G * zeta + Q + 1))); [|lra].
      apply Rmult_le_compat; auto using Rabs_pos. apply rounded_twice; lra.
    + split. exact Rc. apply Rle_trans with (1 := Bc). exact R1.
  - destruct (quotient_is _ _ R B) as [Rq Bq]. apply (rep_add f). apply rep_of. now apply Fx. exact Rq.
    apply Rle_trans with (1 := Rabs_triang _ _). assert (QT : 4 * Q <= term_size).
    { assert (0 <= G * zeta) by (apply Rmult_le_pos; lra). lra. }
    apply Rle_trans with (Q + 2 * S4). apply Rplus_le_compat. apply origin_range. exact Bq. lra.
Qed.

Theorem responsibility_finite i j : (i <= b)%nat -> (j < size i)%nat ->
  rep (Point.responsibility A C size b d af xf meanf offsetf precisionf i j) (rnd (E (rnd (lr i j - Mr b)) / totalr)).
Proof.
  intros Hi Hj. destruct (logit_is i j) as [Rl Bl]. destruct (M_is b) as [RM BM].
  assert (H : lr i j <= Mr b) by (apply Rle_trans with (mr i); [now apply l_below|now apply m_below]).
  destruct (rep_exp _ _ _ _ Rl RM H ltac:(now apply apart)) as [Re Be]. destruct sums_room as [S1 S2].
  destruct (quotient_is _ _ Re ltac:(lra)) as [Rq _]. exact Rq.
Qed.

Variable Ln : R -> R.
Variables lambda ln_rest : R.
Hypothesis ln_close : forall x, form x -> 0 < x <= big -> form (Ln x) /\ Rabs (Ln x - Rpower.ln x) <= lambda * Rabs (Rpower.ln x) + ln_rest.
Hypothesis ln_is : forall c, is_finite c = true -> 0 < B2R c -> rep (Kernels.ln A C c) (Ln (B2R c)).
Hypothesis ln_small : 0 <= lambda <= 1 /\ ln_rest <= 1.

Theorem log_density_finite : rep (Point.log_density A C size b d af referencef xf meanf offsetf precisionf)
  (Mixture.log_density rnd E Ln size b d (fun k => xh k) ah (fun i j k => muh i j k) (fun i j => p i j) (fun i j => o i j) (B2R referencef)).
Proof.
  destruct finite as [_ [Fr _]]. destruct total_is as [[Ft Et] [T1 T2]]. destruct (M_is b) as [RM BM]. destruct sums_room as [S1 S2].
  assert (RL := ln_is totalf Ft ltac:(rewrite Et; lra)). rewrite Et in RL.
  destruct (ln_close totalr) as [FL CL]. rewrite <- Et. apply generic_format_B2R. lra.
  assert (BL : Rabs (Rpower.ln totalr) <= totalr + 1).
  { assert (I := exp_ineq1_le (Rpower.ln totalr)). assert (I2 := exp_ineq1_le (- Rpower.ln totalr)). rewrite exp_Ropp in I2. rewrite exp_ln in I, I2 by lra.
    assert (/ totalr <= 2) by (replace 2 with (/ / 2) by lra; apply Rinv_le; lra). apply Rabs_le. lra. }
  assert (BLn : Rabs (Ln totalr) <= 2 * S4).
  { replace (Ln totalr) with (Rpower.ln totalr + (Ln totalr - Rpower.ln totalr)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
    assert (lambda * Rabs (Rpower.ln totalr) <= 1 * Rabs (Rpower.ln totalr)) by (apply Rmult_le_compat_r; [apply Rabs_pos|lra]). lra. }
  assert (B1 : Rabs (Mr b + Ln totalr) <= 2 * span + 2 * S4) by (apply Rle_trans with (1 := Rabs_triang _ _); lra).
  assert (Sp : 0 <= span) by (generalize (Rabs_pos (Mr b)); lra).
  assert (B2 : Rabs (rnd (Mr b + Ln totalr)) <= 2 * (2 * span + 2 * S4)) by (apply rounded_twice; lra).
  assert (OS : O <= span).
  { destruct at_least as [Z1 [P1 _]]. destruct dimension as [D1 _]. apply le_INR in D1. simpl in D1.
    assert (0 <= 32 * INR d * (zeta * zeta) * P) by (repeat apply Rmult_le_pos; lra). unfold span. lra. }
  apply (rep_add f). apply (rep_add f). exact RM. exact RL. lra. now apply rep_of.
  apply Rle_trans with (1 := Rabs_triang _ _). generalize reference_range. lra.
Qed.
End Bits.

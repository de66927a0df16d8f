(* T5 on the line: implicit score matching by integration by parts.

   p > 0 is a density with derivative p', S = p'/p its score, f a prediction of it with derivative f', all continuous.
     implicit_interval   on [a, b]: int p (f - S)^2 = int p (f^2 + 2 f') + int p'^2/p - 2 (p f)(b) + 2 (p f)(a);
     implicit_line       where p f vanishes at both ends, the two sides without the last terms differ over [-l, l] by what tends
                         to 0 as l grows; the middle integral does not depend on f. *)
Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

Section Line.
Variables p dp f df : R -> R.
Hypothesis positive : forall x, 0 < p x.
Hypothesis p_derive : forall x, is_derive p x (dp x).
Hypothesis f_derive : forall x, is_derive f x (df x).
Hypothesis dp_continuous : forall x, continuous dp x.
Hypothesis df_continuous : forall x, continuous df x.

Definition score (x : R) : R := dp x / p x.
Definition explicit (x : R) : R := p x * (f x - score x) ^ 2.
Definition implicit (x : R) : R := p x * (f x ^ 2 + 2 * df x).
Definition information (x : R) : R := dp x ^ 2 / p x.

Lemma p_continuous x : continuous p x.
Proof. apply (ex_derive_continuous p). eexists. apply p_derive. Qed.
Lemma f_continuous x : continuous f x.
Proof. apply (ex_derive_continuous f). eexists. apply f_derive. Qed.
Lemma times (g h : R -> R) x : continuous g x -> continuous h x -> continuous (fun x => g x * h x) x.
Proof. apply (continuous_mult g h). Qed.
Lemma inverse_continuous x : continuous (fun x => / p x) x.
Proof.
  apply (continuous_comp p Rinv). apply p_continuous. apply (ex_derive_continuous Rinv).
  auto_derive. generalize (positive x). lra.
Qed.
Lemma implicit_continuous x : continuous implicit x.
Proof.
  apply times. apply p_continuous. apply (continuous_plus (fun x => f x ^ 2) (fun x => 2 * df x)).
  - apply (continuous_ext (fun x => f x * f x)). intros y; change (f y * f y = f y ^ 2); ring. apply times; apply f_continuous.
  - apply times. apply continuous_const. apply df_continuous.
Qed.
Lemma information_continuous x : continuous information x.
Proof.
  apply times. apply (continuous_ext (fun x => dp x * dp x)). intros y; change (dp y * dp y = dp y ^ 2); ring. apply times; apply dp_continuous.
  apply inverse_continuous.
Qed.

(* (p f)' = p' f + p f'. *)
Lemma by_parts a b : is_RInt (fun x => dp x * f x + p x * df x) a b (p b * f b - p a * f a).
Proof.
  apply (is_RInt_derive (fun x => p x * f x) (fun x => dp x * f x + p x * df x)).
  - intros x _. evar_last. apply (is_derive_mult p f). apply p_derive. apply f_derive. intros; apply Rmult_comm. reflexivity.
  - intros x _. apply (continuous_plus (fun x => dp x * f x) (fun x => p x * df x)); apply times;
      auto using p_continuous, f_continuous.
Qed.

Theorem implicit_interval a b :
  RInt explicit a b = RInt implicit a b + RInt information a b - 2 * (p b * f b - p a * f a).
Proof.
  assert (I : is_RInt implicit a b (RInt implicit a b)).
  { apply (RInt_correct implicit), (ex_RInt_continuous implicit). intros; apply implicit_continuous. }
  assert (F : is_RInt information a b (RInt information a b)).
  { apply (RInt_correct information), (ex_RInt_continuous information). intros; apply information_continuous. }
  assert (B := by_parts a b).
  apply (is_RInt_unique explicit).
  apply (is_RInt_ext (fun x => minus (plus (implicit x) (information x)) (scal 2 (dp x * f x + p x * df x)))).
  - intros x _. unfold minus, plus, opp, scal; simpl. unfold mult; simpl. unfold implicit, information, explicit, score.
    field. generalize (positive x). lra.
  - apply (is_RInt_minus (fun x => plus (implicit x) (information x)) (fun x => scal 2 (dp x * f x + p x * df x))).
    apply (is_RInt_plus implicit information); assumption.
    apply (is_RInt_scal (fun x => dp x * f x + p x * df x)). exact B.
Qed.

Theorem implicit_line : is_lim (fun l => p l * f l) p_infty 0 -> is_lim (fun l => p (- l) * f (- l)) p_infty 0 ->
  is_lim (fun l => RInt explicit (- l) l - (RInt implicit (- l) l + RInt information (- l) l)) p_infty 0.
Proof.
  intros Hr Hl. apply (is_lim_ext (fun l => 2 * (p (- l) * f (- l) - p l * f l))).
  { intros l. rewrite implicit_interval. ring. }
  replace (Finite 0) with (Rbar_mult 2 (Finite (0 - 0))) by (simpl; f_equal; ring).
  apply (is_lim_scal_l (fun l => p (- l) * f (- l) - p l * f l)). now apply is_lim_minus'.
Qed.
End Line.
